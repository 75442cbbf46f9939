/** A new Ed25519 key pair: OpenSSH private key, and the line for authorized_keys. */
export declare function generateKeyPair(comment: string): { privateKey: string; publicKey: string };
