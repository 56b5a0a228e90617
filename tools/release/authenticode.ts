/** The signature inside of a Windows executable. It changes the file, and so comes before any hash of it. */
import { ReleaseError } from "./release_error.ts";
import { runTool } from "./run_tool.ts";

export interface AuthenticodeKey {
  /** PEM, with its chain. */
  certificate: string;
  /** PEM. */
  key: string;
  /** URL of a time stamp service, so that the signature outlives the certificate. */
  timestamp?: string;
}

/** From the environment; undefined without. */
export function authenticodeKey(env: (name: string) => string | undefined): AuthenticodeKey | undefined {
  const [certificate, key, timestamp] = ["CERTIFICATE", "KEY", "TIMESTAMP"].map((name) =>
    env(`OPENDCA_AUTHENTICODE_${name}`) || undefined
  );
  if (certificate === undefined && key === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    throw new ReleaseError(
      "Cannot sign for Windows as one of OPENDCA_AUTHENTICODE_CERTIFICATE and OPENDCA_AUTHENTICODE_KEY is missing",
    );
  }
  return { certificate, key, ...(timestamp === undefined ? {} : { timestamp }) };
}

/** Signs in place. The signature of the base, which does not fit any more, is removed first. */
export async function signPe(path: string, { certificate, key, timestamp }: AuthenticodeKey): Promise<void> {
  const bare = `${path}.bare`, signed = `${path}.signed`;
  try {
    await runTool(["osslsigncode", "remove-signature", "-in", path, "-out", bare], { to: "remove a signature" })
      // There was none.
      .catch(async (error: unknown) => {
        if (!(error instanceof ReleaseError)) throw error;
        await Deno.copyFile(path, bare);
      });
    const stamp = timestamp === undefined ? [] : ["-ts", timestamp];
    await runTool(
      [
        ...["osslsigncode", "sign", "-h", "sha256", "-certs", certificate, "-key", key, ...stamp],
        ...["-n", "OpenDCA", "-in", bare, "-out", signed],
      ],
      { to: `sign ${path} for Windows` },
    );
    await Deno.rename(signed, path);
  } finally {
    await Promise.all([bare, signed].map((file) => Deno.remove(file).catch(() => {})));
  }
}
