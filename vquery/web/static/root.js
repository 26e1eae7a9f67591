/**
 * Where the page is: the document, or the shadow root of one widget in a notebook. Every look for
 * an element, and for the focus, starts here, so that two widgets never find each other's.
 */

/** @type {Document|ShadowRoot} */
let here = document;

export const root = () => here;

/** @param {Document|ShadowRoot} place */
export function setRoot(place) {
  here = place;
}

/** @param {string} id @returns {?HTMLElement} */
export const byId = (id) => here.getElementById(id);

/** What dialogs are put into. */
export const body = () => (here instanceof Document ? here.body : here);
