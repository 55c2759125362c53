// Users, API tokens, links and sessions: all that happens is said in the page; see ../act.js.

import { startActing } from "../act.js";

startActing();
