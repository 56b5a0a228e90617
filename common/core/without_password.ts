/** An address as messages show it: without a user and a password that somebody has written into it. Pure. */
export function withoutPassword(text: string): string {
  const url = URL.parse(text);
  if (url === null) return text;
  if (url.username === "" && url.password === "") return text;
  url.username = url.password = "";
  return url.href;
}
