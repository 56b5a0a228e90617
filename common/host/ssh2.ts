/**
 * SSH by npm:ssh2, with types for the part that is used: the package has none, and the third-party ones depend on an
 * old version of Node's types. Loading it takes about 60 ms, so an agent loads it for its first session.
 */
import type { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import ssh2 from "ssh2";

export interface ParsedKey {
  /** Key type, such as `ssh-ed25519`. */
  type: string;
  /** The public key in SSH encoding (RFC 4253, 6.6). */
  getPublicSSH(): Buffer;
  /** True for a valid signature; an Error for malformed data. */
  verify(data: Uint8Array, signature: Uint8Array, hash?: string): boolean | Error;
}

export interface AuthContext {
  username: string;
  method: string;
  /** The key of the method `publickey`. */
  key?: { algo: string; data: Buffer };
  /** The signed data; a client first asks without signature and data. */
  blob?: Buffer;
  signature?: Buffer;
  hashAlgo?: string;
  accept(): void;
  /** `methods`: authentication methods that the client may still try. */
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

/** Algorithms for both ends. The runtime does not support ChaCha20; compression would reveal lengths of plain text. */
export const algorithms: Algorithms = {
  cipher: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"],
  serverHostKey: ["ssh-ed25519"],
  compress: ["none"],
};

/**
 * A request is sent after this many milliseconds without data; the connection ends after this many without an answer.
 */
export const keepAlive = { keepaliveInterval: 7_000, keepaliveCountMax: 2 };

/** The public key, in SSH encoding, of a private or public key. */
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
