#!/usr/bin/env node
import { Buffer } from 'node:buffer';
import { endBySignals } from './cli/firstProcess.ts';
import { run } from './cli/program.ts';

// A Buffer of few bytes keeps all of the pool that it is cut from: of 8 KiB, kept SSH connections hold 115 KB each.
Buffer.poolSize = 512;

// `hostler … | head` closes the pipe early: that is no failure
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

endBySignals();
process.exitCode = await run(process.argv.slice(2));
