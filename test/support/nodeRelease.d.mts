export const NODE_RELEASES: readonly string[];
export function nodePath(release: string): string;
export function installNode(release: string): Promise<{ code: number }>;
export function npmPath(version: string): string;
export function installNpm(version: string): Promise<{ code: number }>;
