/** Each page while the database gives no connection for one of its questions: what fails is this page and nothing else. */
import assert from "node:assert/strict";
import { UnavailableError } from "../../common/core/errors.ts";
import { onUnhandledRejection } from "../../common/host/process.ts";
import type { Store, Transaction, TransactionOptions } from "../../platform/store/store.ts";
import { routes } from "../../platform/portal/portal_app.tsx";
import { fullScene } from "../e2e/portal_pages_scene.ts";
import { portalScene } from "./portal_scene.ts";

const eva = "eva@partner.example";

/** Their first line is sent before the last question: nobody takes what is cut off for the whole. */
const files = new Set(["/customers/:customer/billing/:number/:form"]), cutOff = { status: 0, body: "" };

/** The transaction of this number fails at once, and the others take a moment longer; counts them. */
function failing(store: { transaction: Store["transaction"] }, number: number): { count: number } & Disposable {
  const { transaction } = store,
    seen = {
      count: 0,
      [Symbol.dispose]: () => void (store.transaction = transaction),
    };
  store.transaction = async <T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions) => {
    if (++seen.count === number) throw new UnavailableError("Cannot use the database", "it is busy", 1000);
    await new Promise((resolve) => setTimeout(resolve, 1));
    return await transaction.call(store, work, options) as T;
  };
  return seen;
}

Deno.test("a page whose n-th question fails says that the database is busy, and the failure reaches nobody else (slow)", async () => {
  await using scene = await portalScene();
  const user = scene.here(await scene.signedIn(eva)), paths = await fullScene(scene, { signer: eva });
  const { store } = scene.platform.platform, unhandled: unknown[] = [];
  using _rejections = onUnhandledRejection((reason) => unhandled.push(reason));
  const pages = routes.filter(({ method, isStream, access }) => method === "GET" && !isStream && access !== "public");
  let busy = 0, cut = 0;
  for (const { path } of pages) {
    const address = paths[path]?.[0];
    if (address === undefined) continue;
    for (let number = 1, hasFailed = true; hasFailed; number++) {
      using seen = failing(store, number);
      const { status, body } = await user.get(address).catch(() => cutOff);
      hasFailed = seen.count >= number;
      assert.notEqual(status, 500, `${address}, question ${number}: ${body}`);
      if (status === cutOff.status) {
        assert(files.has(path), `${address}, question ${number}, was cut off`);
        cut++;
      }
      if (status === 503) busy++;
      // The runtime tells of it with the next turn of its event loop.
      await new Promise((resolve) => setTimeout(resolve, 0));
      assert.deepEqual(unhandled, [], `${address}, question ${number}`);
    }
  }
  const ended = scene.platform.events.filter(({ event }) => event === "downloadEnded");
  assert(cut > 0 && cut === ended.length, `${cut} files cut off, ${ended.length} logged`);
  assert(busy > pages.length, `${busy} refusals on ${pages.length} pages`);
});
