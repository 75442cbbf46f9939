import { startJob, type JobSpec } from '../../src/host/jobs.ts';
import type { Owner } from '../../src/host/ownership.ts';
import { logIn } from './hostLogin.ts';

/** A controller that is going to be killed: logs in, says so, starts one job, says how it stands. */
const [address = '', keyFile = '', json = ''] = process.argv.slice(2);
const { spec, owner } = JSON.parse(json) as { spec: JobSpec; owner: Owner };
const session = await logIn({ address, keyFile });
process.stdout.write('connected\n');
const status = await startJob(session, spec, { claim: { owner, stillHeld: () => Promise.resolve(true) } });
process.stdout.write(`${status.state}\n`);
session.close();
