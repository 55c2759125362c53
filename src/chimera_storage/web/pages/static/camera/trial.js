// A picture that an address gives now, or the reason why there is none.

import { send } from "../api.js";
import { t } from "../text.js";

// The function asks for one and shows it in `image`; it is true where there is a picture.
export function testPicture(image, said) {
  let number = 0;
  return async (body) => {
    const mine = ++number;
    said.textContent = t("common.trying");
    said.classList.remove("error");
    try {
      const blob = await (await send("/cameras/try", body)).blob();
      if (mine !== number) return false;
      const address = URL.createObjectURL(blob);
      image.src = address;
      await image.decode();
      URL.revokeObjectURL(address);
      image.hidden = false;
      said.textContent = `${image.naturalWidth} × ${image.naturalHeight}`;
      return true;
    } catch (error) {
      if (mine !== number) return false;
      said.classList.add("error");
      said.textContent = error.message;
      return false;
    }
  };
}
