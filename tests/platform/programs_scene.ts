/** A portal, tokens, and a program that calls its interfaces over HTTPS. */
import { createToken, type TokenWish } from "../../platform/users/api_tokens.ts";
import { type Permission, permissions } from "../../platform/users/permissions.ts";
import { programsApp } from "../../platform/edge/rest/programs_app.ts";
import type { TestPlatformOptions } from "../fixtures/platform_fixture.ts";
import { type Exchange, exchange, exchangeHere, type PortalScene, portalScene } from "./portal_scene.ts";
import { operator } from "./users_fixture.ts";

export const owner = "eva@partner.example";

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  // deno-lint-ignore no-explicit-any -- the tests look at what came
  json: any;
}

export interface Program {
  text: string;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export interface ProgramsScene extends PortalScene {
  /** With a token of the administrator; all permissions unless said otherwise. */
  program(wish?: Partial<TokenWish>): Promise<Program & { tokenId: string }>;
  /** Its requests go straight to the application that the server passes them to; see `PortalScene.here`. */
  programHere(wish?: Partial<TokenWish>): Promise<Program & { tokenId: string }>;
  /** With any authorization, or none. */
  anybody(authorization?: string): Program;
}

export async function programsScene(options: TestPlatformOptions = {}): Promise<ProgramsScene> {
  const scene = await portalScene(options);
  await scene.signedIn(owner);
  const { connections, origin, platform: { platform } } = scene;
  let app: ReturnType<typeof programsApp> | undefined;
  const overHttps: Exchange = (request) => exchange(connections, request);
  const here: Exchange = (request) =>
    exchangeHere(app ??= programsApp(platform, { sourceOf: () => "127.0.0.1" }), origin, request);
  const anybody = (authorization?: string, text = "", exchange = overHttps): Program => {
    const ask = async (method: string, path: string, body: unknown, headers: Record<string, string>) => {
      const payload = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
      const answer = await exchange({
        method,
        path,
        body: payload,
        headers: {
          ...(authorization === undefined ? {} : { authorization }),
          ...(payload === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
      });
      return {
        ...answer,
        get json() {
          return JSON.parse(answer.body);
        },
      };
    };
    return {
      text,
      get: (path, headers = {}) => ask("GET", path, undefined, headers),
      send: (method, path, body, headers = {}) => ask(method, path, body, headers),
    };
  };
  const program = async (wish: Partial<TokenWish> = {}, exchange = overHttps) => {
    const { text, tokenId } = await createToken(platform, operator, {
      user: owner,
      name: "test",
      permissions: Object.keys(permissions) as Permission[],
      places: [],
      validMs: 86_400_000,
      ...wish,
    });
    return { tokenId, ...anybody(`Bearer ${text}`, text, exchange) };
  };
  return {
    ...scene,
    anybody: (authorization) => anybody(authorization),
    program: (wish) => program(wish),
    programHere: (wish) => program(wish, here),
  };
}
