/** A browser's end of a stream of the portal. */
import { request as httpsRequest } from "node:https";

export interface OpenedStream {
  status: number;
  /** All that has come. */
  text(): string;
  /** How often it was told to look again. */
  changes(): number;
  /** True once the server has ended it. */
  isOver(): boolean;
  close(): void;
}

export function openStream(
  { port, path, cookies, localAddress, method = "GET" }: {
    port: number;
    path: string;
    cookies: ReadonlyMap<string, string>;
    localAddress?: string;
    method?: "GET" | "HEAD";
  },
): Promise<OpenedStream> {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      host: "localhost",
      port,
      path,
      agent: false,
      method,
      rejectUnauthorized: false,
      headers: { cookie, "opendca-live": "1", accept: "text/event-stream" },
      ...(localAddress === undefined ? {} : { localAddress }),
    }, (response) => {
      let text = "", isOver = false;
      response.on("data", (part) => text += part);
      response.on("error", () => {});
      response.on("close", () => isOver = true);
      resolve({
        status: response.statusCode!,
        text: () => text,
        changes: () => text.split("event: changed").length - 1,
        isOver: () => isOver,
        close: () => void request.destroy(),
      });
    });
    request.on("error", reject);
    request.end();
  });
}
