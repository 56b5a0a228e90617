/**
 * The device of bench/webaccess.ts: HTTP on the port that is its argument, at every address of this machine. `/` is small,
 * `/large` has the length of its query, `PUT /` takes what comes, `PUT /slow` takes some of it, `/counts` tells the bytes.
 */
const chunk = new Uint8Array(64 * 1024);
const counts = { sent: 0, received: 0 };
const slowPauseMs = 100;

function large(bytes: number): Response {
  let left = bytes;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const part = chunk.subarray(0, Math.min(left, chunk.length));
      left -= part.length;
      counts.sent += part.length;
      controller.enqueue(part);
      if (left === 0) controller.close();
    },
  }, { highWaterMark: 0 });
  return new Response(body, { headers: { "Content-Type": "application/octet-stream", "Content-Length": `${bytes}` } });
}

async function take(request: Request, pauseMs: number): Promise<Response> {
  let bytes = 0;
  for await (const part of request.body ?? []) {
    bytes += part.length;
    counts.received += part.length;
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return new Response(`${bytes}`);
}

Deno.serve(
  { hostname: "0.0.0.0", port: Number(Deno.args[0]), onError: () => new Response(null, { status: 500 }) },
  (request) => {
    const { pathname, search } = new URL(request.url);
    if (request.method === "PUT") return take(request, pathname === "/slow" ? slowPauseMs : 0);
    if (pathname === "/large") return large(Number(search.slice(1)));
    if (pathname === "/counts") return Response.json(counts);
    return new Response("<title>Printer</title>".padEnd(200), { headers: { "Content-Type": "text/plain" } });
  },
);
