/**
 * Puts a view of a widget together in a notebook. Each view loads the modules anew, under
 * addresses of its own, so that no two views share a selection, keys or a state.
 */

/** Name and text of each module, after those it imports. @type {Array<[string, string]>} */
const MODULES = "{{MODULES}}";
const STYLE = "{{STYLE}}";

/** @returns {Promise<*>} the last module, freshly made */
async function load() {
  /** @type {Map<string, string>} */
  const addresses = new Map();
  let last = "";
  try {
    for (const [name, text] of MODULES) {
      const whole = text.replace(/"vquery:([\w.-]+)"/g, (_, needed) => `"${addresses.get(needed)}"`);
      const parts = [whole, `\n//# sourceURL=vquery/${name}\n`];
      last = URL.createObjectURL(new Blob(parts, { type: "text/javascript" }));
      addresses.set(name, last);
    }
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ last);
  } finally {
    for (const address of addresses.values()) URL.revokeObjectURL(address);
  }
}

export default {
  /** @param {{model: *, el: HTMLElement}} view */
  async render({ model, el }) {
    const { mount } = await load();
    return mount(model, el, STYLE);
  },
};
