/** A TCP door in front of a server of a test: it lets connections through, or does to them what networks do. */
import net from "node:net";

export interface DoorVisit {
  client: net.Socket;
  server: net.Socket;
  /** Both are let go of when one ends; false keeps the server's side, as a router does that has lost the client. */
  linked: boolean;
  /** Of this connection, from 0. */
  number: number;
}

export interface Door extends AsyncDisposable {
  port: number;
  /** Port on loopback that new connections are led to. */
  target: number;
  /** Connections that came. */
  count: number;
  /** What is done with a new one; `passThrough` unless changed. */
  visit: (visit: DoorVisit) => void;
  /** Ends every connection. */
  cut(): void;
}

export function passThrough({ client, server }: DoorVisit): void {
  client.pipe(server);
  server.pipe(client);
}

/** As of a machine that is up, with nothing behind the port. */
export function turnAway({ client, server }: DoorVisit): void {
  client.destroy();
  server.destroy();
}

export async function openDoor(target: number): Promise<Door> {
  const sockets = new Set<net.Socket>();
  const listener = net.createServer((client) => {
    const server = net.connect(door.target, "127.0.0.1");
    const visit: DoorVisit = { client, server, linked: true, number: door.count++ };
    for (const [one, other] of [[client, server], [server, client]] as const) {
      sockets.add(one);
      one.on("error", () => {}); // "close" follows.
      one.on("close", () => {
        sockets.delete(one);
        if (visit.linked) other.destroy();
      });
    }
    door.visit(visit);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const door: Door = {
    port: (listener.address() as net.AddressInfo).port,
    target,
    count: 0,
    visit: passThrough,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      door.cut();
      await closed;
    },
  };
  return door;
}
