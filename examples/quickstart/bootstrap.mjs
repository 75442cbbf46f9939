// `npm run quickstart`: makes a fresh clone ready (npm packages, build), then runs quickstart.ts.
import { existsSync } from 'node:fs';
import { installPackages, show } from '../../test/support/install.mjs';

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`\nquickstart: ${error.message}`);
  process.exitCode = 1;
}

async function main(args) {
  await installPackages();
  const asksOnly = args.includes('--help');
  if (!asksOnly && (!args.includes('--down') || !existsSync('dist/main.js'))) {
    console.log('Building Hostler');
    const { code } = await show([process.execPath, '.config/build.mjs']);
    if (code !== 0) throw new Error('building Hostler failed; the messages are above.');
  }
  const quickstart = [process.execPath, '--import', 'tsx', 'examples/quickstart/quickstart.ts', ...args];
  // without the cache of tsx in the temporary directory nothing is left when all is removed
  return (await show(quickstart, { stdin: 'inherit', env: { TSX_DISABLE_CACHE: '1' } })).code;
}
