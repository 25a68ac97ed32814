// The chat page: sends what is written, shows what is answered, loses neither when the network fails.
// Without this file the page is a plain form. Every sentence comes from the page (data-say-…) or from the server.

const FAST = 400, FAST_FOR = 5000, SLOW = 15000, DEADLINE = 10000; // milliseconds

const root = document.documentElement;
const page = document.getElementById("chat");
const lines = document.getElementById("lines");
const compose = document.getElementById("compose");
const input = document.getElementById("text");
const status = document.getElementById("status");
const isFramed = window.parent !== window;
const otherTabs = new BroadcastChannel("chat");

const saved = restore();
let chat = page.dataset.chat || saved.chat; // whose chat this is; a new visitor's is named by the first answer
let cursor = Number(page.dataset.cursor);
let waiting = "waiting" in page.dataset;
let outgoing = saved.outgoing; // written, but not known to be stored
let notice = status.textContent; // about what the patient did; stays until they go on
let trouble = ""; // about the way to the clinic; stays until an answer comes
let failures = 0;
let fastUntil = Date.now() + FAST_FOR;
let busy = false;
let over = false; // another tab has left this chat
let timer;

// ---- what is shown

function show(line) {
  const item = find(line.id) ?? newItem(line);
  if (line.at) showTime(item, line.at);
  if (line.seq !== null) item.dataset.seq = line.seq;
  const order = (other) => Number(other.dataset.seq ?? Infinity);
  const next = [...lines.children].find((other) => other !== item && order(other) > order(item)) ?? null;
  // An item in its place is not touched: moving it would lose the focus and be read out again.
  if (!item.isConnected || (line.seq !== null && item.nextElementSibling !== next)) lines.insertBefore(item, next);
}

function newItem(line) {
  const item = copy(`${line.speaker}-line`);
  item.dataset.id = line.id;
  item.querySelector(".text").textContent = line.text;
  item.querySelector("time").textContent = page.dataset.saySending;
  item.querySelector(".choices").append(...line.buttons.map(newChoice));
  return item;
}

function newChoice({ token, label }) {
  const button = copy("choice");
  button.value = `${token} ${label}`;
  button.textContent = label;
  return button;
}

function copy(template) {
  return document.getElementById(template).content.firstElementChild.cloneNode(true);
}

function find(id) {
  return lines.querySelector(`[data-id="${CSS.escape(id)}"]`);
}

function showTime(item, at) {
  const date = new Date(at);
  const day = date.toDateString() === new Date().toDateString() ? {} : { day: "numeric", month: "short" };
  const time = item.querySelector("time");
  time.dateTime = at;
  time.textContent = date.toLocaleString(undefined, { ...day, hour: "numeric", minute: "2-digit" });
}

function showStatus() {
  const { sayAnswering, saySlow } = page.dataset;
  const progress = waiting ? (Date.now() < fastUntil ? sayAnswering : saySlow) : "";
  const sentence = notice || trouble || progress;
  if (status.textContent !== sentence) status.textContent = sentence; // each change is read out
}

function atEnd() {
  return window.scrollY + 1.5 * window.innerHeight > root.scrollHeight;
}

function scrollToEnd(behavior) {
  window.scrollTo({ top: root.scrollHeight, behavior });
}

/** Show the newest lines; when they are more than fit, begin with the patient's own. */
function scrollToNewest() {
  const own = [...lines.querySelectorAll(".patient")].at(-1);
  const top = own ? own.offsetTop - parseFloat(getComputedStyle(root).scrollPaddingTop) : Infinity;
  window.scrollTo({ top: Math.min(top, root.scrollHeight) });
}

// ---- what is said

function send(message) {
  if (message.choice && outgoing.some((other) => other.choice === message.choice)) return; // a double tap
  const words = crypto.getRandomValues(new Uint32Array(4)); // randomUUID is missing on plain http
  message.id = Array.from(words, (word) => word.toString(36)).join("-");
  outgoing.push(message);
  notice = "";
  waiting = true;
  fastUntil = Date.now() + FAST_FOR;
  showOwn(message);
  save();
  scrollToNewest();
  exchange();
}

function showOwn({ id, text, label }) {
  show({ id, seq: null, speaker: "patient", text: text ?? label, buttons: [] });
}

function sendTyped() {
  const text = input.value.toWellFormed?.() ?? input.value;
  if (!text.trim()) return;
  if ([...text].length > Number(page.dataset.longest)) {
    notice = page.dataset.sayTooLong;
    showStatus();
    return;
  }
  input.value = "";
  input.focus();
  send({ text });
}

/** Give a message back that the server will not take: its words return to the box. */
function giveBack(message) {
  outgoing = outgoing.filter((other) => other !== message);
  find(message.id)?.remove();
  if (message.text) input.value = [message.text, input.value].filter(Boolean).join("\n");
}

// ---- the exchange: one request at a time, so that messages keep their order

async function exchange() {
  clearTimeout(timer);
  if (busy || over) return;
  busy = true;
  const message = outgoing[0];
  let delay = 0;
  try {
    take(message ? await post(page.dataset.messages, message) : await post(page.dataset.poll, {}), message);
    failures = 0;
    trouble = "";
  } catch (error) {
    delay = fail(error, message);
  }
  busy = false;
  save();
  showStatus();
  schedule(delay);
}

async function post(url, body) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json" },
    body: JSON.stringify({ ...body, chat, after: cursor }),
    signal: AbortSignal.timeout(DEADLINE),
  });
  if (response.ok) return response.json();
  const { error } = await response.json().catch(() => ({})); // a proxy's refusal has no words for us
  const retryAfter = Number(response.headers.get("Retry-After")) || 0;
  throw Object.assign(new Error(error), { status: response.status, retryAfter });
}

function take(answer, message) {
  const follow = atEnd();
  const news = answer.lines.some((line) => !find(line.id));
  if (answer.waiting && !waiting) fastUntil = Date.now() + FAST_FOR;
  ({ chat, waiting } = answer);
  cursor = Math.max(cursor, answer.cursor);
  outgoing = outgoing.filter((other) => other !== message);
  answer.lines.forEach(show);
  if (news && follow) scrollToNewest();
  if (news || message) otherTabs.postMessage("news");
}

/** What a failure means: milliseconds to wait before the next attempt. */
function fail({ status, message: sentence, retryAfter = 0 }, message) {
  if (status === 409) return leave(sentence);
  if (sentence && status >= 400 && status < 500 && status !== 429) return refuse(sentence, message);
  failures += 1;
  trouble = status === 429 && sentence ? sentence : outOfReach();
  return spread(Math.max(1000 * retryAfter, Math.min(SLOW, 500 * 2 ** failures)));
}

function outOfReach() {
  return navigator.onLine ? page.dataset.sayUnreachable : page.dataset.sayOffline;
}

/** At least so long, and up to half as long again: a thousand pages must not come back in one instant. */
function spread(milliseconds) {
  return milliseconds * (1 + Math.random() / 2);
}

function leave(sentence) {
  over = true;
  trouble = sentence;
  outgoing.slice().reverse().forEach(giveBack);
  return 0;
}

function refuse(sentence, message) {
  notice = sentence;
  if (message) giveBack(message);
  return 0;
}

function schedule(delay) {
  if (over || (document.hidden && !outgoing.length)) return;
  const pace = outgoing.length ? 0 : waiting && Date.now() < fastUntil ? FAST : spread(SLOW);
  timer = setTimeout(exchange, delay || pace);
}

// ---- a reload loses nothing, offline too

// Kept in this tab only and until it is closed, as others may use this computer after us; gone once it is sent.
function save() {
  const state = { chat, outgoing, draft: input.value };
  try {
    if (outgoing.length || input.value) sessionStorage.setItem("chat", JSON.stringify(state));
    else sessionStorage.removeItem("chat");
  } catch {
    // a browser that keeps nothing: what is written lives as long as the page
  }
}

function restore() {
  const nothing = { chat: "", outgoing: [], draft: "" };
  try {
    const state = { ...nothing, ...JSON.parse(sessionStorage.getItem("chat")) };
    return page.dataset.chat && state.chat && state.chat !== page.dataset.chat ? nothing : state;
  } catch {
    return nothing;
  }
}

/** "New chat": what was not sent yet belonged to the old one. */
function forget() {
  outgoing = [];
  input.value = "";
  save();
}

// ---- begin

compose.noValidate = true; // an empty box is no mistake here
compose.addEventListener("submit", (event) => {
  event.preventDefault();
  const button = event.submitter;
  if (over) return;
  if (button?.name === "choice") send({ choice: button.value.split(" ", 1)[0], label: button.textContent });
  else if (button?.name === "example") send({ text: button.value });
  else sendTyped();
});

input.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  compose.requestSubmit();
});

input.addEventListener("input", () => {
  notice = "";
  save();
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) exchange();
});
new ResizeObserver(() => atEnd() && scrollToEnd("instant")).observe(compose.parentElement); // it must not cover the end
window.addEventListener("offline", () => {
  trouble = outOfReach();
  showStatus();
});
window.addEventListener("online", () => {
  clearTimeout(timer);
  timer = setTimeout(exchange, outgoing.length ? 0 : Math.random() * FAST_FOR);
});
for (const form of document.querySelectorAll(`form[action="${page.dataset.begin}"]`)) form.addEventListener("submit", forget);
document.addEventListener("keydown", (event) => {
  // In a frame on a clinic's own website Escape is for the page around us; a word it may hear from anybody.
  if (event.key === "Escape" && isFramed) window.parent.postMessage("close", "*");
});
otherTabs.addEventListener("message", () => {
  if (!document.hidden) exchange();
});

for (const time of lines.querySelectorAll("time")) showTime(time.parentElement, time.dateTime);
outgoing = outgoing.filter((message) => !find(message.id));
outgoing.forEach(showOwn);
input.value ||= saved.draft;
if (lines.children.length) scrollToEnd("instant");
if (matchMedia("(pointer: fine)").matches) {
  input.focus({ preventScroll: true });
  if (isFramed) window.addEventListener("focus", () => input.focus({ preventScroll: true }), { once: true }); // given late
}
exchange();
