// Line icons, drawn here so that nothing is fetched. All are decoration: the words beside them carry the meaning.
import type { ComponentChildren } from "preact";

function Icon({ children, size = 16 }: { children: ComponentChildren; size?: number }) {
  return (
    <svg class="icon" width={`${size / 15}rem`} height={`${size / 15}rem`} viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const SearchIcon = () => (
  <Icon>
    <circle cx="7" cy="7" r="4.5" />
    <path d="m10.5 10.5 3 3" />
  </Icon>
);
export const CheckIcon = () => (
  <Icon>
    <path d="m3 8.5 3.2 3.2L13 5" />
  </Icon>
);
export const CrossIcon = () => (
  <Icon>
    <path d="m4 4 8 8M12 4l-8 8" />
  </Icon>
);
export const ClockIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="5.75" />
    <path d="M8 4.75V8l2.2 1.6" />
  </Icon>
);
export const SealIcon = () => (
  <Icon>
    <path d="M8 1.75 13 3.6v4.1c0 3-2 5.3-5 6.55-3-1.25-5-3.55-5-6.55V3.6z" />
    <path d="m5.8 8 1.6 1.6 2.9-3.1" />
  </Icon>
);
export const BrokenIcon = () => (
  <Icon>
    <path d="M8 2.2 14.4 13.4H1.6z" />
    <path d="M8 6.6v3M8 11.6v.1" />
  </Icon>
);
export const SunIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="2.75" />
    <path d="M8 1.5v1.2M8 13.3v1.2M1.5 8h1.2M13.3 8h1.2M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9" />
  </Icon>
);
export const MoonIcon = () => (
  <Icon>
    <path d="M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8z" />
  </Icon>
);
export const SystemIcon = () => (
  <Icon>
    <circle cx="8" cy="8" r="5.75" />
    <path d="M8 2.25v11.5A5.75 5.75 0 0 0 8 2.25z" fill="currentColor" stroke="none" />
  </Icon>
);
export const UpIcon = () => (
  <Icon size={12}>
    <path d="M8 13V3.5M4 7.2 8 3.2l4 4" />
  </Icon>
);
export const DownIcon = () => (
  <Icon size={12}>
    <path d="M8 3v9.5M4 8.8l4 4 4-4" />
  </Icon>
);
export const Logo = () => (
  <svg class="logo" width="26" height="26" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect width="32" height="32" rx="8" fill="var(--fan)" />
    <path d="M15 17 27 8v18z" fill="var(--card)" opacity=".38" />
    <path d="m15 17 12-4v9z" fill="var(--card)" opacity=".6" />
    <path d="m4 20 4-3 3 2 4-2" fill="none" stroke="var(--card)" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round" />
  </svg>
);
