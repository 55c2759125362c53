// The health page draws itself anew every few seconds while it is looked at.

import { refresh } from "../act.js";
import { repeat } from "../api.js";

repeat(refresh, 5000, (error) => error && console.warn("health", error.message));
