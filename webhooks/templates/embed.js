// The chat on a clinic's own website, by one tag:
//   <script src="https://chat.example.org/chat/embed.js" async></script>
// It adds a button that opens the chat in a frame of ours. Attributes of the tag: data-label (the words of the button),
// data-color (any CSS colour), data-side ("left" or "right"). Both sites' styles stay with them: all is in a shadow tree.
(() => {
  "use strict";
  const { origins, words } = {{ {"origins": origins, "words": {
    "label": "Book by chat",
    "chat": "Chat with " ~ clinic.name,
    "close": "Close chat",
  }} | tojson }};
  const tag = document.currentScript;
  const page = new URL("/chat", tag.src);
  if (!origins.includes(location.origin)) {
    console.warn(`Frontdesk: EMBED_ORIGINS does not name ${location.origin}.`);
    return;
  }

  const style = new CSSStyleSheet();
  style.replaceSync(`
    .place {
      all: initial;
      --brand: #0b6e69;
      --brand-ink: #ffffff;
      position: fixed;
      inset-block-end: max(1rem, env(safe-area-inset-bottom));
      inset-inline: 1rem;
      z-index: 2147483000;
      display: flex;
      flex-direction: column;
      gap: 0.75rem;
      align-items: end;
      pointer-events: none;
      font: 16px/1.4 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
    }
    .left { align-items: start; }
    [hidden] { display: none !important; }
    button {
      min-height: 44px;
      border: 2px solid var(--brand-ink);
      font: inherit;
      font-weight: 600;
      color: var(--brand-ink);
      background: var(--brand);
      cursor: pointer;
      pointer-events: auto;
    }
    button:focus-visible { outline: 3px solid var(--brand); outline-offset: 2px; }
    .launcher { padding: 0 20px; border-radius: 24px; box-shadow: 0 4px 16px rgb(0 0 0 / 30%); }
    .panel {
      display: flex;
      flex-direction: column;
      width: min(26rem, 100%);
      height: min(42rem, calc(100vh - 7rem));
      overflow: hidden;
      background: Canvas;
      border: 1px solid rgb(128 128 128 / 50%);
      border-radius: 16px;
      box-shadow: 0 8px 32px rgb(0 0 0 / 30%);
      pointer-events: auto;
    }
    .bar { display: flex; justify-content: end; background: var(--brand); }
    .bar button { padding: 0 16px; border-color: transparent; }
    .bar button:focus-visible { outline-color: var(--brand-ink); outline-offset: -4px; }
    iframe { flex: 1; width: 100%; border: 0; }
    @media (max-width: 30rem), (max-height: 30rem) {
      .panel { position: fixed; inset: 0; width: auto; height: auto; border: 0; border-radius: 0; }
    }
    @media (prefers-reduced-motion: no-preference) {
      .panel { animation: appear 0.15s ease-out; }
      @keyframes appear { from { opacity: 0; translate: 0 0.5rem; } }
    }
  `);

  const launcher = element("button", { type: "button", className: "launcher", textContent: tag.dataset.label || words.label });
  const close = element("button", { type: "button", textContent: words.close });
  const bar = element("div", { className: "bar" }, close);
  const panel = element("div", { id: "panel", className: "panel", role: "dialog", ariaLabel: words.chat, hidden: true }, bar);
  const place = element("div", { className: tag.dataset.side === "left" ? "place left" : "place" }, panel, launcher);
  // Of the host nothing is drawn, so that no rule of the website finds anything to change.
  const host = document.createElement("frontdesk-chat");
  host.style.setProperty("display", "contents", "important");
  let frame;
  launcher.setAttribute("aria-expanded", "false");
  launcher.setAttribute("aria-controls", "panel");
  host.attachShadow({ mode: "open" }).append(place);
  host.shadowRoot.adoptedStyleSheets = [style];

  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  /** Open with a fresh frame; closing takes it away, so that a closed chat asks the clinic nothing. The chat itself is kept. */
  function show(open) {
    if (open === !panel.hidden) return;
    panel.hidden = !open;
    launcher.setAttribute("aria-expanded", String(open));
    if (open) {
      frame = element("iframe", { src: page.href, title: words.chat, referrerPolicy: "strict-origin" });
      frame.addEventListener("load", (event) => event.target.focus(), { once: true });
      panel.append(frame);
      close.focus();
    } else {
      frame.remove();
      launcher.focus();
    }
  }

  launcher.addEventListener("click", () => show(panel.hidden));
  close.addEventListener("click", () => show(false));
  panel.addEventListener("keydown", (event) => event.key === "Escape" && show(false));
  window.addEventListener("message", ({ source, origin, data }) => {
    if (frame && source === frame.contentWindow && origin === page.origin && data === "close") show(false);
  });

  /** The clinic's colour, with words on it that can be read: black or white, whichever differs more (WCAG). */
  function paint(color) {
    if (!color || !CSS.supports("color", color)) return;
    place.style.color = color;
    const [red, green, blue] = getComputedStyle(place).color.match(/[\d.]+/g).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    place.style.color = "";
    place.style.setProperty("--brand", color);
    place.style.setProperty("--brand-ink", light > 0.179 ? "#000000" : "#ffffff");
  }

  function begin() {
    document.body.append(host);
    paint(tag.dataset.color);
  }

  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);
})();
