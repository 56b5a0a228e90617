/**
 * Public keys of the platform that lift the lock of any installation of this build: Ed25519, 32 bytes in base64. A
 * build for one's own platform puts its key here. Without a key here, `platform.unlockKey` in agent.yaml is trusted as
 * it is at the first activation attempt; later changes are ignored.
 */
export const builtInUnlockKeys: readonly string[] = [];
