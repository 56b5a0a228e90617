/**
 * SSH as npm:ssh2 speaks it, with the types of what is used of it: the package has none, and those of others bring an old
 * version of Node's along. Loading it takes some 60 ms, so that an agent does it for its first session.
 */
import type { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import ssh2 from "ssh2";

export interface ParsedKey {
  /** As `ssh-ed25519`. */
  type: string;
  /** As SSH encodes it (RFC 4253, 6.6). */
  getPublicSSH(): Buffer;
  /** True where it is; an Error for what is no signature. */
  verify(data: Uint8Array, signature: Uint8Array, hash?: string): boolean | Error;
}

export interface AuthContext {
  username: string;
  method: string;
  /** Of the method `publickey`. */
  key?: { algo: string; data: Buffer };
  /** What is signed; a client asks without both first. */
  blob?: Buffer;
  signature?: Buffer;
  hashAlgo?: string;
  accept(): void;
  /** `methods`: those that may be tried. */
  reject(methods?: string[]): void;
}

export interface ServerConnection extends EventEmitter {
  forwardOut(
    boundAddress: string,
    boundPort: number,
    remoteAddress: string,
    remotePort: number,
    callback: (error: Error | undefined, channel: Duplex) => void,
  ): void;
  end(): void;
}

export interface SshServer extends EventEmitter {
  injectSocket(socket: Socket): void;
}

export interface SshClient extends EventEmitter {
  connect(options: {
    sock: Socket;
    username: string;
    privateKey: string;
    hostVerifier(key: Buffer): boolean;
    algorithms: Algorithms;
    readyTimeout: number;
    keepaliveInterval: number;
    keepaliveCountMax: number;
  }): void;
  forwardIn(address: string, port: number, callback: (error: Error | undefined, port: number) => void): void;
  end(): void;
  destroy(): void;
}

export interface Algorithms {
  cipher: string[];
  serverHostKey: string[];
  compress: string[];
}

interface Ssh2 {
  Server: new (
    options: {
      hostKeys: string[];
      ident?: string;
      algorithms: Algorithms;
      keepaliveInterval: number;
      keepaliveCountMax: number;
    },
    onConnection: (connection: ServerConnection, info: { ip: string; port: number }) => void,
  ) => SshServer;
  Client: new () => SshClient;
  utils: {
    generateKeyPairSync(type: "ed25519"): { private: string; public: string };
    parseKey(text: string | Uint8Array): ParsedKey | Error;
  };
}

export const { Server, Client, utils } = ssh2 as Ssh2;

/** Of both ends. ChaCha20 is not supported by the runtime; compression tells lengths. */
export const algorithms: Algorithms = {
  cipher: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"],
  serverHostKey: ["ssh-ed25519"],
  compress: ["none"],
};

/** Asked after so many milliseconds of silence, and given up after so many without an answer. */
export const keepAlive = { keepaliveInterval: 7_000, keepaliveCountMax: 2 };

/** Of a private or public key. */
export function publicKeyOf(text: string): Buffer {
  const key = utils.parseKey(text);
  if (key instanceof Error) throw key;
  return key.getPublicSSH();
}

/** A new Ed25519 key of OpenSSH's format: of those that the library makes, one in some hundred cannot be read by it. */
export function createPrivateKey(): string {
  for (;;) {
    const { private: privateKey, public: publicKey } = utils.generateKeyPairSync("ed25519");
    if (!(utils.parseKey(privateKey) instanceof Error) && !(utils.parseKey(publicKey) instanceof Error)) {
      return privateKey;
    }
  }
}
