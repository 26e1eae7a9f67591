/** Dark or light as the notebook is, which need not be what the system prefers. */

/** @returns {"dark"|"light"|null} null: the notebook does not say */
function themeOf() {
  const { dataset, classList } = document.body;
  if (dataset.jpThemeLight) return dataset.jpThemeLight === "true" ? "light" : "dark";
  if (classList.contains("vscode-light") || classList.contains("vscode-high-contrast-light")) return "light";
  if (classList.contains("vscode-dark") || classList.contains("vscode-high-contrast")) return "dark";
  const theme = document.documentElement.getAttribute("theme");
  return theme === "dark" || theme === "light" ? theme : null;
}

/** @param {HTMLElement} host @returns {function(): void} ends it */
export function followTheme(host) {
  const apply = () => {
    const theme = themeOf();
    if (theme) host.dataset.theme = theme;
    else delete host.dataset.theme;
  };
  const observer = new MutationObserver(apply);
  const attributeFilter = ["class", "theme", "data-jp-theme-light"];
  for (const element of [document.body, document.documentElement]) {
    observer.observe(element, { attributes: true, attributeFilter });
  }
  apply();
  return () => observer.disconnect();
}
