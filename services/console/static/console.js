// What htmx does not do by itself: the state of the live line, refreshing at the right moment, and keys.
"use strict";

(() => {
  const SILENT_MS = 25000; // the server breaks silence every 5 s
  const live = document.getElementById("live");
  const line = document.getElementById("line");
  const stale = document.getElementById("stale");
  const fresh = new Set();
  const until = document.getElementById("until");
  let heardAt = Date.now();
  let reading = { until: "", late: false, waiting: 0 }; // how far the data go, as the server told last
  let connected = false;
  let failing = false; // the server answers, but not with the part that is shown
  let paused = false;
  let owed = false;
  let signedOut = false;
  let unsent = false; // a form could not be sent just now
  const underway = new Set();

  const clock = (ms) => new Date(ms).toLocaleTimeString("zh-CN", { hour12: false });
  const shown = () => document.getElementById("board") || document.getElementById("order") || document.querySelector("[data-clocked]");

  function show() {
    if (!line) return;
    const late = Date.now() - heardAt > SILENT_MS;
    const on = connected && !late && !failing && !signedOut;
    const behind = on && reading.late;
    line.dataset.line = paused ? "paused" : behind ? "late" : on ? "on" : "off";
    line.lastElementChild.textContent = paused ? "已暂停刷新" : behind ? "数据落后" : on ? "实时" : "已断开";
    until.textContent = on && !paused && reading.until ? `· 数据至 ${reading.until}` : "";
    document.getElementById("signed-out").hidden = !signedOut;
    stale.hidden = (on && !behind) || signedOut || document.hidden;
    const text = unsent ? "没有提交：现在连不上。填写的内容还在，请稍后再按一次。" : failing ? "暂时读不到新数据，正在重试…" : behind ? lag() : `数据停在 ${clock(heardAt)}，正在重连…`;
    if (!stale.hidden && stale.textContent !== text) stale.textContent = text;
  }

  function lag() {
    const since = reading.until ? `数据停在 ${reading.until}` : "最新数据还没有读完";
    if (reading.waiting === null) return `${since}，暂时读不到新数据，正在重试…`;
    return `${since}，还有 ${reading.waiting.toLocaleString("zh-CN")} 条消息没有读进来`;
  }

  // Owed until a request for it has really begun: htmx drops one that meets another on its way.
  function refresh() {
    owed = true;
    settle();
  }

  function settle() {
    if (!owed || paused || document.hidden || underway.size) return;
    const part = shown();
    if (part) htmx.trigger(part, "refresh");
  }

  function pause() {
    paused = !paused;
    const button = document.querySelector("[data-pause]");
    if (button) {
      button.setAttribute("aria-pressed", String(paused));
      button.textContent = paused ? "继续刷新" : "暂停刷新";
    }
    show();
    settle();
  }

  function heard() {
    heardAt = Date.now();
    connected = true;
    show();
  }

  function beat(event) {
    reading = JSON.parse(event.detail.data);
    heard();
  }

  function changed(event) {
    heard();
    const told = JSON.parse(event.detail.data);
    const part = shown();
    if (part && "clocked" in part.dataset) return; // reloads every few seconds, whatever changes
    if (part && part.id === "order" && !told.many && !told.orders.includes(part.dataset.order)) return;
    if (fresh.size > 500) fresh.clear();
    told.orders.forEach((id) => fresh.add(id));
    refresh();
  }

  function lost() {
    connected = false;
    show();
  }

  if (live) {
    live.addEventListener("hello", (event) => {
      const again = !connected;
      beat(event);
      if (again) refresh(); // what happened while the line was down
    });
    live.addEventListener("beat", beat);
    live.addEventListener("changed", changed);
    live.addEventListener("htmx:sse:error", lost);
    live.addEventListener("htmx:sse:close", lost);
    live.addEventListener("htmx:error", lost);
    live.addEventListener("htmx:sse:before:connection", (event) => {
      if (event.detail.connection.attempt > 0) lost();
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) {
        if (signedOut) refresh(); // perhaps signed in elsewhere meanwhile
        show();
        settle();
      }
    });
    setInterval(() => {
      show();
      settle();
    }, 1000);
  }

  document.addEventListener("htmx:after:swap", () => {
    for (const id of fresh) {
      const row = document.querySelector(`tr[data-order="${CSS.escape(id)}"]`);
      if (row) {
        row.classList.remove("fresh");
        void row.offsetWidth; // starts the animation anew
        row.classList.add("fresh");
      }
    }
    fresh.clear();
  });

  // Whoever has typed something stays with it; everybody else is led to the sign-in and back.
  const kept = () => [...document.querySelectorAll("form[data-kept]")];
  const typed = () => kept().some((form) => [...form.elements].some((one) => (one.type === "text" ? one.value !== one.defaultValue : one.tagName === "SELECT" && one.selectedIndex > 0)));

  function leave() {
    if (typed()) {
      signedOut = true;
      return show();
    }
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  }

  // A form is sent only once it is known that it will be taken: by this session, whose token may be newer than the page.
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("form[data-kept]")) return;
    event.preventDefault();
    try {
      const answer = await fetch("/api/session");
      if (answer.status === 401) return leave();
      form.elements.form_token.value = (await answer.json()).form_token;
    } catch {
      unsent = failing = true;
      return show();
    }
    form.submit();
  });

  // An order's page may be the answer to a form, whose address cannot be opened again.
  const order = document.getElementById("order");
  if (order && !location.pathname.startsWith("/orders/")) history.replaceState(null, "", order.getAttribute("hx-get"));

  // A change told while an answer is on its way may not be in it: one more refresh follows. A paused page
  // does not reload by the clock either.
  document.addEventListener("htmx:before:request", (event) => {
    const asked = event.detail.ctx;
    if (asked.sourceElement === live) return;
    if (asked.sourceElement === shown()) {
      if (paused) return event.preventDefault();
      owed = false;
    }
    underway.add(asked);
  });
  document.addEventListener("htmx:finally:request", (event) => {
    const asked = event.detail.ctx;
    underway.delete(asked);
    if (asked.response?.status === 401) return leave();
    if (asked.response && asked.sourceElement === shown()) {
      signedOut = false;
      failing = asked.response.status >= 500;
      unsent = unsent && failing;
      show();
    }
    setTimeout(settle); // htmx frees the way right after this event
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-pause]")) return pause();
    if (event.target.closest("[data-help]")) return document.getElementById("help").showModal();
    const row = event.target.closest("tr[data-order]");
    const asked = row && !event.target.closest("a") && !String(getSelection());
    if (asked) row.querySelector("a.open").click();
  });

  function move(step) {
    const links = [...document.querySelectorAll("a.open")];
    if (!links.length) return;
    const at = links.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step;
    const link = links[Math.max(0, Math.min(links.length - 1, next))];
    link.focus();
    link.scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "Escape" && typing) return typing.blur();
    if (typing || document.querySelector("dialog[open]")) return;
    const back = document.querySelector("[data-back]");
    if (event.key === "/" && document.getElementById("search")) {
      event.preventDefault();
      document.getElementById("search").select();
      document.getElementById("search").focus();
    } else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "p" && document.querySelector("[data-pause]")) pause();
    else if (event.key === "?") document.getElementById("help")?.showModal();
    else if (event.key === "Escape" && back) back.click();
  });

  // "Back" returns to the list as it was filtered or sorted.
  document.addEventListener("click", (event) => {
    const from = document.referrer && new URL(document.referrer);
    const back = event.target.closest("[data-back]");
    if (back && from && from.origin === location.origin && from.pathname === back.pathname) {
      event.preventDefault();
      history.back();
    }
  });
})();
