"use strict";
/* Values of learning curves under the pointer or, with the arrow keys, at the step that has been walked to. Without this
   script everything can be seen: which arms are shown is left to the style sheet. */

const number = (value) => value.toFixed(3);

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

class Readout {
  constructor(box) {
    this.box = box;
    this.values = JSON.parse(box.querySelector('script[type="application/json"]').textContent);
    this.colors = [...box.querySelectorAll(".swatch path:first-child")].map((path) => path.getAttribute("stroke"));
    this.figure = box.querySelector(".figure");
    this.plot = this.figure.querySelector("svg");
    this.cursor = this.figure.appendChild(element("div", "cursor"));
    this.text = this.figure.appendChild(element("div", "readout"));
    this.text.setAttribute("role", "status");
    this.place = null;
    this.listen();
    this.choices();
  }

  listen() {
    this.figure.tabIndex = 0;
    this.figure.setAttribute("role", "group");
    this.plot.setAttribute("aria-hidden", "true");
    for (const kind of ["pointermove", "pointerdown"]) {
      this.plot.addEventListener(kind, (event) => this.show(this.nearest(event.clientX)));
    }
    this.plot.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.hide());
    this.figure.addEventListener("blur", () => this.hide());
    this.figure.addEventListener("keydown", (event) => this.walk(event));
    this.box.addEventListener("change", () => this.place !== null && this.show(this.place));
  }

  choices() {
    const arms = [...this.box.querySelectorAll("[data-curve]")];
    const set = (wanted) => () => {
      arms.forEach((input) => { input.checked = wanted(input); });
      this.box.dispatchEvent(new Event("change"));
    };
    const row = this.box.querySelector("fieldset").appendChild(element("span", "buttons"));
    for (const [label, wanted] of [["all", () => true], ["none", () => false], ["as at first", (one) => one.defaultChecked]]) {
      const button = row.appendChild(element("button", "", label));
      button.type = "button";
      button.addEventListener("click", set(wanted));
    }
  }

  fraction(step) {
    return this.values.left + (this.values.right - this.values.left) * step / this.values.budget;
  }

  nearest(x) {
    const area = this.plot.getBoundingClientRect();
    const away = this.values.steps.map((step) => Math.abs(area.left + area.width * this.fraction(step) - x));
    return away.indexOf(Math.min(...away));
  }

  walk(event) {
    const last = this.values.steps.length - 1;
    const now = this.place === null ? -1 : this.place;
    const to = { ArrowRight: Math.min(now + 1, last), ArrowLeft: Math.max(now - 1, 0), Home: 0, End: last }[event.key];
    if (event.key === "Escape") this.hide();
    if (to === undefined) return;
    event.preventDefault();
    this.show(to);
  }

  show(place) {
    this.place = place;
    const at = this.fraction(this.values.steps[place]);
    this.cursor.style.left = `${at * this.plot.clientWidth}px`;
    this.cursor.style.height = `${this.plot.clientHeight}px`;
    this.text.replaceChildren(element("strong", "", `step ${this.values.steps[place].toLocaleString("en")}`));
    const shown = this.values.curves.map((curve, index) => ({ ...curve, index }))
      .filter((curve) => this.box.querySelector(`[data-curve="${curve.index}"]`).checked)
      .sort((one, other) => other.mean[place] - one.mean[place]);
    for (const curve of shown) this.text.append(this.line(curve, place));
    const room = this.plot.clientWidth * at;
    this.text.style.left = at < 0.5 ? `${room + 10}px` : "auto";
    this.text.style.right = at < 0.5 ? "auto" : `${this.plot.clientWidth - room + 10}px`;
    this.figure.classList.add("read");
  }

  line(curve, place) {
    const line = element("div", "");
    line.append(element("b", "", number(curve.mean[place])), ` ${curve.arm}`);
    line.style.borderColor = this.colors[curve.index];
    if (curve.band.length) {
      const [low, high] = curve.band.map((end) => number(end[place]));
      line.append(element("span", "quiet", ` (${low} to ${high})`));
    }
    return line;
  }

  hide() {
    this.place = null;
    this.figure.classList.remove("read");
  }
}

document.documentElement.classList.add("with-script");
document.querySelectorAll(".curves").forEach((box) => new Readout(box));
document.querySelectorAll(".wide").forEach((box) => {
  if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
});
window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details.sentences").forEach((details) => { details.open = true; });
});
