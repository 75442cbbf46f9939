// `npm run quickstart`: makes a fresh clone ready (npm packages, build), then runs quickstart.ts.
import { installPackages, show } from '../../test/support/install.mjs';

await installPackages();
if (!process.argv.includes('--down')) {
  const { code } = await show(['npm', 'run', '--silent', 'build']);
  if (code !== 0) throw new Error('Building Hostler failed; the messages are above.');
}
const { code } = await show([
  process.execPath,
  '--import',
  'tsx',
  'examples/quickstart/quickstart.ts',
  ...process.argv.slice(2),
]);
process.exitCode = code;
