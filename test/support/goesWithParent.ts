// Loaded into `hostler` before it: the process ends with the one that started it, also when that was killed.
process.stdin.once('end', () => process.exit(1));
process.stdin.resume();
process.stdin.unref();
