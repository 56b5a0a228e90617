import assert from "node:assert/strict";
import { threadRoom } from "./thread_room.ts";

const roomWith = (free: number, wanted: number) => threadRoom(wanted, (most) => Math.min(most, free));

Deno.test("threadRoom() gives all threads all sockets where there is plenty", () => {
  assert.deepEqual(roomWith(1000, 4), { threads: 4, furtherSockets: 19 });
});

Deno.test("threadRoom() takes threads before sockets, and leaves some to the process", () => {
  assert.deepEqual(roomWith(60, 4), { threads: 4, furtherSockets: 2 });
  assert.deepEqual(roomWith(40, 4), { threads: 2, furtherSockets: 5 });
});

Deno.test("threadRoom() gives the last descriptors to the first thread alone, and none to one that cannot load", () => {
  assert.deepEqual(roomWith(8, 4), { threads: 1, furtherSockets: 0 });
  assert.deepEqual(roomWith(7, 4), { threads: 0, furtherSockets: 0 });
  assert.deepEqual(roomWith(-5, 1), { threads: 0, furtherSockets: 0 });
});

Deno.test("threadRoom() never gives more than there is", () => {
  for (let free = 8; free < 400; free++) {
    for (let wanted = 1; wanted <= 12; wanted++) {
      const { threads, furtherSockets } = roomWith(free, wanted);
      assert(threads >= 1 && threads <= wanted);
      assert(
        threads === 1 && furtherSockets === 0 || threads * (11 + furtherSockets) + 8 <= free,
        `${free}, ${wanted}`,
      );
    }
  }
});
