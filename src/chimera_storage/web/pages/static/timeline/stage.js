// The pictures at the position: one large, or one of each camera side by side. While the position
// moves, what is at hand is shown: the small picture of the sheet, then a larger one; when it rests,
// the image itself.

import { setHidden, setText } from "../dom.js";
import { duration, moment } from "../format.js";
import { t } from "../text.js";
import { load, remembered, Sheet, sized } from "./pictures.js";

const APART_MS = 10_000; // further from the position than this is said
const SMALL = 320;
const MEDIUM = 640;

export class Tile {
  constructor(footage, template, onPress) {
    this.footage = footage;
    this.sheet = new Sheet(footage.camera);
    this.element = template.content.firstElementChild.cloneNode(true);
    this.canvas = this.element.querySelector("canvas");
    this.time = this.element.querySelector("time");
    this.apart = this.element.querySelector(".apart");
    setText(this.element.querySelector(".name"), footage.name);
    this.canvas.addEventListener("click", () => onPress(footage.camera));
    this.image = null;
    this.at = null;
    this.searching = this.fetching = false;
    new ResizeObserver(() => this.fit()).observe(this.canvas);
  }

  fit() {
    const ratio = devicePixelRatio || 1;
    const [w, h] = [this.canvas.clientWidth, this.canvas.clientHeight].map((n) => Math.round(n * ratio));
    if (!w || (this.canvas.width === w && this.canvas.height === h)) return;
    [this.canvas.width, this.canvas.height] = [w, h];
    if (this.drawn) this.draw(...this.drawn);
  }

  // The picture at a moment; `rests`: the image itself, as soon as it is there.
  show(at, rests) {
    this.at = at;
    this.rests = rests;
    const image = this.footage.known(at);
    if (image !== undefined) {
      this.present(image);
      return;
    }
    this.fromSheet(at);
    if (!this.searching) this.search();
  }

  async search() {
    this.searching = true;
    const at = this.at;
    try {
      const image = await this.footage.find(at);
      if (at === this.at) this.present(image);
    } catch {
      // the page says that the server does not answer
    }
    this.searching = false;
    if (at !== this.at && this.footage.known(this.at) === undefined) this.search();
    else if (at !== this.at) this.present(this.footage.known(this.at));
  }

  present(image) {
    const before = this.image;
    this.image = image;
    this.caption();
    setHidden(this.element.querySelector(".nothing"), image !== null);
    if (!image) {
      this.drawn = null;
      this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
      return;
    }
    const full = remembered(sized(image, 0));
    const some = full || remembered(sized(image, MEDIUM)) || remembered(sized(image, SMALL));
    if (some) this.draw(some);
    else if (image.url !== before?.url) this.fromSheet(image.at);
    if (!full || !this.rests) this.better(image, some);
  }

  // Loads what is better than what is shown; the newest wish wins.
  async better(image, some) {
    if (!this.rests && (some || !this.awake)) return;
    const width = this.rests ? (this.awake ? 0 : MEDIUM) : SMALL;
    if (this.fetching && !this.rests) return;
    this.fetching = true;
    const picture = await load(sized(image, width), () => this.image?.url === image.url);
    this.fetching = false;
    if (this.image?.url !== image.url) {
      if (this.image && !this.rests) this.better(this.image, remembered(sized(this.image, SMALL)));
    } else if (picture) this.draw(picture);
  }

  fromSheet(at) {
    const cell = this.sheet.cell(at);
    if (cell) this.draw(this.sheet.bitmap, cell);
  }

  draw(picture, cell = { x: 0, y: 0, w: picture.width, h: picture.height }) {
    if (!picture.width) return; // forgotten meanwhile
    this.drawn = [picture, cell];
    const { width, height } = this.canvas;
    const pen = this.canvas.getContext("2d");
    const scale = Math.min(width / cell.w, height / cell.h);
    const [w, h] = [cell.w * scale, cell.h * scale];
    if (w < width - 1 || h < height - 1) pen.clearRect(0, 0, width, height);
    pen.imageSmoothingQuality = "medium";
    pen.drawImage(picture, cell.x, cell.y, cell.w, cell.h, (width - w) / 2, (height - h) / 2, w, h);
  }

  // An image with its picture, as the player has it.
  play(image, picture) {
    this.at = image.at;
    this.image = image;
    this.rests = false;
    this.caption();
    if (picture) this.draw(picture);
  }

  caption() {
    const { image } = this;
    setHidden(this.time, !image);
    const text = image ? moment(image.at, "seconds") : "";
    setText(this.time, text);
    const by = image ? image.at - this.at : 0;
    setHidden(this.apart, Math.abs(by) < APART_MS);
    if (Math.abs(by) >= APART_MS) {
      setText(this.apart, t(by < 0 ? "timeline.earlier" : "timeline.later", { time: duration(Math.abs(by) / 1000) }));
    }
    const label = image ? t("timeline.image_of", { camera: this.footage.name, time: text }) : t("timeline.no_image");
    if (this.canvas.getAttribute("aria-label") !== label) this.canvas.setAttribute("aria-label", label);
  }
}
