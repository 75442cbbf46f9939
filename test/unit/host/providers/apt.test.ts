import { describe, expect, it } from 'vitest';
import { parsePolicy, parseSourceEntries, sourceLine } from '../../../../src/host/providers/apt.ts';

/** Debian 12 with Debian 13 as a pinned second source; docker.io removed but not purged. */
const PINNED = `docker.io:
  Installed: (none)
  Candidate: 20.10.24+dfsg1-1+deb12u1+b6
  Version table:
     26.1.5+dfsg1-9+deb13u1 90
         90 http://deb.debian.org/debian trixie/main amd64 Packages
     20.10.24+dfsg1-1+deb12u1+b6 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
        100 /var/lib/dpkg/status
docker-cli:
  Installed: (none)
  Candidate: 26.1.5+dfsg1-9+deb13u1
  Version table:
     26.1.5+dfsg1-9+deb13u1 90
         90 http://deb.debian.org/debian trixie/main amd64 Packages
docker-ce:
  Installed: (none)
  Candidate: (none)
  Version table:
`;

/** Docker's repository, an older version installed, and one that only dpkg knows. */
const DOCKER_CE = `docker-ce:
  Installed: 5:28.5.1-1~debian.12~bookworm
  Candidate: 5:28.5.2-1~debian.12~bookworm
  Version table:
     5:28.5.2-1~debian.12~bookworm 500
        500 https://download.docker.com/linux/debian bookworm/stable amd64 Packages
 *** 5:28.5.1-1~debian.12~bookworm 500
        500 https://download.docker.com/linux/debian bookworm/stable amd64 Packages
        100 /var/lib/dpkg/status
     5:27.0.0-1~local 100
        100 /var/lib/dpkg/status
`;

describe('apt-cache policy', () => {
  it('gives the pinned candidate and every version that a repository offers', () => {
    const offers = parsePolicy(PINNED);
    expect([...offers.keys()]).toEqual(['docker.io', 'docker-cli']);
    expect(offers.get('docker.io')).toEqual({
      candidate: '20.10.24+dfsg1-1+deb12u1+b6',
      versions: ['26.1.5+dfsg1-9+deb13u1', '20.10.24+dfsg1-1+deb12u1+b6'],
    });
  });

  it('leaves out what is only installed', () => {
    expect(parsePolicy(DOCKER_CE).get('docker-ce')).toEqual({
      candidate: '5:28.5.2-1~debian.12~bookworm',
      versions: ['5:28.5.2-1~debian.12~bookworm', '5:28.5.1-1~debian.12~bookworm'],
    });
  });

  it.each(['', 'N: Unable to locate package docker-ce\n', '\0\u{1f433}:\n Candidate: x\n', 'docker.io:\n'])(
    'makes nothing of %j',
    (text) => {
      expect(parsePolicy(text).size).toBe(0);
    },
  );
});

describe('package sources', () => {
  it('are read from one-line entries; comments and deb-src are none', () => {
    const text = [
      '# deb https://download.docker.com/linux/debian buster stable',
      'deb-src https://download.docker.com/linux/debian bookworm stable',
      'deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.asc] https://download.docker.com/linux/debian/ bookworm stable # ours',
      '  deb https://download.docker.com/linux/debian trixie stable test',
    ].join('\n');
    expect(parseSourceEntries('/etc/apt/sources.list.d/docker.list', text)).toEqual([
      {
        path: '/etc/apt/sources.list.d/docker.list',
        uri: 'https://download.docker.com/linux/debian',
        suites: ['bookworm'],
      },
      {
        path: '/etc/apt/sources.list.d/docker.list',
        uri: 'https://download.docker.com/linux/debian',
        suites: ['trixie'],
      },
    ]);
  });

  it('are read from deb822 stanzas that are enabled', () => {
    const text = `# Docker
Types: deb
URIs: https://download.docker.com/linux/debian
Suites: bookworm
 trixie
Components: stable
Signed-By: /etc/apt/keyrings/docker.asc

Enabled: no
Types: deb
URIs: https://download.docker.com/linux/debian
Suites: sid
Components: stable

Types: deb-src
URIs: https://download.docker.com/linux/debian
Suites: sid
`;
    expect(parseSourceEntries('/etc/apt/sources.list.d/docker.sources', text)).toEqual([
      {
        path: '/etc/apt/sources.list.d/docker.sources',
        uri: 'https://download.docker.com/linux/debian',
        suites: ['bookworm', 'trixie'],
      },
    ]);
  });

  it('gets an entry in the layout that Docker documents', () => {
    const repository = {
      key: '',
      uri: 'https://download.docker.com/linux/debian',
      suite: 'bookworm',
      components: ['stable'],
    };
    const line = sourceLine(repository, 'amd64');
    expect(line).toBe(
      'deb [arch=amd64 signed-by=/etc/apt/keyrings/hostler-docker.asc] https://download.docker.com/linux/debian bookworm stable',
    );
    expect(parseSourceEntries('x.list', line)).toMatchObject([{ uri: repository.uri, suites: ['bookworm'] }]);
  });
});
