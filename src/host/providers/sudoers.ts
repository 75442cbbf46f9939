/** Removes every sudo rule of Hostler's, for when Hostler leaves the host. */
export const REMOVE_SUDO_RULES = `
rm -f /etc/sudoers.d/hostler-*
`;
