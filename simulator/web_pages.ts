/** The web page of a printer, made of its SNMP objects, so that both always say the same. */
import { type Markup, markup } from "../common/report/markup.ts";
import { BerReader } from "../src/snmp/ber.ts";
import { decodeValue } from "../src/snmp/message.ts";
import { Tag } from "../src/snmp/value.ts";
import { printerStatuses } from "./mib_numbers.ts";
import type { ObjectTable } from "./object_table.ts";

/** What `/login` accepts. */
export const webLogin = { user: "admin", password: "demo-password" } as const;

const printerMib = "1.3.6.1.2.1.43";

/** Name, model, serial, state and page counter. */
export function statusPage(table: ObjectTable): string {
  const status = Number(valueAt(table, "1.3.6.1.2.1.25.3.5.1.1.1") || 2);
  const state = Object.entries(printerStatuses).find(([, number]) => number === status)?.[0] ?? "unknown";
  const rows = {
    Name: valueAt(table, "1.3.6.1.2.1.1.5.0"),
    Description: valueAt(table, "1.3.6.1.2.1.1.1.0"),
    "Serial number": valueAt(table, `${printerMib}.5.1.1.17.1`),
    Location: valueAt(table, "1.3.6.1.2.1.1.6.0"),
    State: state,
    Pages: valueAt(table, `${printerMib}.10.2.1.4.1.1`),
  };
  return page(
    table,
    "Status",
    markup`<table>${
      Object.entries(rows).map(([name, value]) => markup`<tr><th>${name}</th><td>${value}</td></tr>\n`)
    }</table>`,
  );
}

/** Each row of prtMarkerSupplies with its level. */
export function suppliesPage(table: ObjectTable): string {
  const rows: Markup[] = [];
  const column = (number: number) => `${printerMib}.11.1.1.${number}`;
  const last = table.successor(`${column(6)}.4294967295`);
  for (let at = table.successor(column(6)); at < last; at++) {
    const index = table.oid(at).slice(column(6).length);
    const [level, capacity] = [9, 8].map((number) => Number(valueAt(table, column(number) + index)));
    rows.push(markup`<tr><th>${text(decodeAt(table, at))}</th><td>${levelText(level!, capacity!)}</td></tr>\n`);
  }
  return page(table, "Supplies", markup`<table>${rows}</table>`);
}

/** The form of `/login`; `failed` after a wrong password. */
export function loginPage(table: ObjectTable, { failed }: { failed: boolean }): string {
  return page(
    table,
    "Login",
    markup`${failed && markup`<p id="failed">The user name or the password is wrong.</p>`}
<form method="post" action="/login">
<label>User <input name="user" autocomplete="off"></label>
<label>Password <input name="password" type="password"></label>
<button>Log in</button>
</form>`,
  );
}

/** What only those who logged in see. */
export function settingsPage(table: ObjectTable): string {
  return page(
    table,
    "Settings",
    markup`<p id="settings">Logged in as ${webLogin.user}. <a href="/logout">Log out</a></p>`,
  );
}

/** Links, a script, a style sheet and a form value that name the printer's own address, as many printers' pages do. */
export function linksPage(table: ObjectTable, { origin }: { origin: string }): string {
  const host = origin.slice(origin.indexOf("//"));
  return page(
    table,
    "Links",
    markup`<ul>
<li><a id="absolute" href="${origin}/supplies">Supplies</a>
<li><a id="bare" href="${origin}">Status</a>
<li><a id="schemeless" href="${host}/supplies">Supplies again</a>
<li><a id="foreign" href="http://192.0.2.7/">Another device</a>
</ul>
<img id="logo" src="${origin}/logo.png" alt="">
<form action="${origin}/echo"><input id="scan-to" name="scanTo" value="${origin}/inbox"></form>
<script src="${origin}/script.js"></script>`,
  );
}

/** A list of links to the odd answers. */
export function oddPage(table: ObjectTable, names: readonly string[]): string {
  return page(
    table,
    "Odd answers",
    markup`<ul>${names.map((name) => markup`<li><a href="/odd/${name}">${name}</a>\n`)}</ul>`,
  );
}

/** A page whose script sends a text over a WebSocket and shows what comes back. */
export function socketPage(table: ObjectTable): string {
  return page(
    table,
    "WebSocket",
    markup`<p id="echo"></p><script>
const socket = new WebSocket(location.origin.replace("http", "ws") + "/socket");
socket.onopen = () => socket.send("a text");
socket.onmessage = (event) => document.getElementById("echo").textContent = "came back: " + event.data;
socket.onerror = () => document.getElementById("echo").textContent = "failed";
</script>`,
  );
}

function page(table: ObjectTable, title: string, content: Markup): string {
  const name = valueAt(table, "1.3.6.1.2.1.1.5.0") || "Printer";
  return String(markup`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>${title} - ${name}</title>
<link rel="stylesheet" href="/style.css"></head>
<body><h1>${name}</h1>
<nav><a href="/">Status</a> <a href="/supplies">Supplies</a> <a href="/settings">Settings</a> <a href="/links">Links</a>
<a href="/odd/">Odd answers</a></nav>
<h2>${title}</h2>
${content}
</body></html>
`);
}

/** Levels below zero are those of RFC 3805: -3 some, -2 unknown, -1 no restriction. */
function levelText(level: number, capacity: number): string {
  if (level === -3) return "some left";
  if (level < 0) return "unknown";
  return capacity > 0 ? `${Math.round(level / capacity * 100)} %` : String(level);
}

function valueAt(table: ObjectTable, oid: string): string {
  const at = table.position(oid);
  return at < 0 ? "" : text(decodeAt(table, at));
}

function decodeAt(table: ObjectTable, position: number) {
  const reader = new BerReader(table.varbind(position));
  reader.open(Tag.sequence);
  reader.readOid();
  return decodeValue(reader).value;
}

function text(value: ReturnType<typeof decodeAt>): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : String(value ?? "");
}
