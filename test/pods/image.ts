import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mount } from './container.ts';

/** What a container is started from when its Pod says nothing else. */
export interface Image {
  entrypoint: readonly string[];
  command: readonly string[];
  workingDirectory: string;
  uid: number;
  gid: number;
  mounts: readonly Mount[];
}

/** Hostler's own image as its Dockerfile says, with the files of a built working copy in place of copied ones. */
export async function hostlerImage(repository: string): Promise<Image> {
  const dockerfile = await readFile(join(repository, 'Dockerfile'), 'utf8');
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  const workingDirectory = instruction(last, 'WORKDIR');
  const [uid = NaN, gid = NaN] = instruction(last, 'USER').split(':').map(Number);
  const copied = [...last.matchAll(/^COPY (?:--from=\S+ )?(.+)$/gm)].flatMap(([, words = '']) =>
    words.split(' ').slice(0, -1),
  );
  return {
    entrypoint: JSON.parse(instruction(last, 'ENTRYPOINT')) as string[],
    command: JSON.parse(instruction(last, 'CMD')) as string[],
    workingDirectory,
    uid,
    gid,
    mounts: [...new Set(copied.map((path) => path.replace(/^\/app\//, '')))]
      // single files are of no use to the program
      .filter((path) => !path.includes('LICENSE'))
      .map((path) => ({ source: join(repository, path), path: join(workingDirectory, path), readOnly: true })),
  };
}

function instruction(dockerfile: string, name: string): string {
  const found = new RegExp(`^${name} (.+)$`, 'm').exec(dockerfile)?.[1];
  if (found === undefined) throw new Error(`the Dockerfile has no ${name}`);
  return found;
}
