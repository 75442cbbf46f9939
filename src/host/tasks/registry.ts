import type { AnyTask } from '../task.ts';
import { dockerEngine } from './dockerEngine/task.ts';
import { dockerUsers } from './dockerUsers.ts';
import { proxy } from './proxy/task.ts';
import { sshd } from './sshd/task.ts';

/** Every task, in the order their changes run. A new one is added here and nowhere else. */
export const tasks: readonly AnyTask[] = [dockerEngine, dockerUsers, proxy, sshd];
