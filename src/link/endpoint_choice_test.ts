import assert from "node:assert/strict";
import { chooseEndpoints } from "./endpoint_choice.ts";

Deno.test("chooseEndpoints() stays with what works and comes back to the first after a while", () => {
  const choice = chooseEndpoints(3, 1000);
  assert.deepEqual(choice.order(0), [0, 1, 2]);
  choice.failed(0, 10);
  choice.succeeded(1);
  assert.deepEqual(choice.order(1009), [1, 2, 0]);
  assert.deepEqual(choice.order(1010), [0, 1, 2]);
  choice.failed(0, 1010);
  choice.succeeded(1);
  assert.deepEqual(choice.order(2009), [1, 2, 0]);
  assert.deepEqual(choice.order(2010), [0, 1, 2]);
  choice.succeeded(0);
  assert.deepEqual(choice.order(9999), [0, 1, 2]);
});

Deno.test("chooseEndpoints() with one endpoint always asks it", () => {
  const choice = chooseEndpoints(1, 1000);
  choice.failed(0, 0);
  assert.deepEqual(choice.order(5000), [0]);
});
