"""Text at twice its size, in a window that stays as it is: nothing is cut off, nothing lies over anything else."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_states import Opened, _patient, opened

__all__ = ["_patient", "opened"]  # fixtures

ROOMS = (
    "",
    "?symbol=SPY&interval=1d",
    "record?interval=1h&model=naive&kind=ledger",
    "compare",
    "compare?of=models",
    "risk?basket=SPY:60,QQQ:40",
    "models?model=lightgbm",
    "data",
    "settings",
    "developers",
)
WIDTHS = (1440, 390)
TWICE = "() => { document.documentElement.style.fontSize = `${2 * parseFloat(getComputedStyle(document.documentElement).fontSize)}px` }"
# Every line of text with the box in which it can be seen. What a region scrolls into sight is not lost.
LOST = """
() => {
  const lines = [], lost = [];
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest('.sr-only, .skip, [hidden]');
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const own = node.parentElement;
    if (!node.data.trim() || !shown(own) || own.closest('script, style, select, svg title')) continue;
    const hidden = own.getBoundingClientRect();
    if (hidden.width <= 2 || hidden.height <= 2 || getComputedStyle(own).clipPath !== 'none') continue; // for screen readers
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width < 2 || box.height < 2) continue;
      let { left, right, top, bottom } = box, scrolled = false;
      for (let e = own; e && e !== document.body; e = e.parentElement) {
        const style = getComputedStyle(e);
        if (style.display === 'inline' || style.display === 'contents') continue;
        const edge = e.getBoundingClientRect();
        const clips = (o) => o !== 'visible';
        if (clips(style.overflowX)) {
          const over = Math.max(edge.left - left, right - edge.right);
          if (over > 2 && !scrolled && !/auto|scroll/.test(style.overflowX)) lost.push(`cut off by ${Math.round(over)}: “${node.data.trim().slice(0, 40)}” in ${e.className || e.tagName}`);
          left = Math.max(left, edge.left); right = Math.min(right, edge.right);
          scrolled ||= /auto|scroll/.test(style.overflowX);
        }
        if (clips(style.overflowY)) {
          const over = Math.max(edge.top - top, bottom - edge.bottom);
          if (over > 0.4 * box.height && !scrolled && !/auto|scroll/.test(style.overflowY)) lost.push(`cut off below: “${node.data.trim().slice(0, 40)}” in ${e.className || e.tagName}`);
          top = Math.max(top, edge.top); bottom = Math.min(bottom, edge.bottom);
        }
        if (style.position === 'fixed') break;
      }
      if (right - left > 2 && bottom - top > 2) lines.push({ own, left, right, top, bottom, text: node.data.trim().slice(0, 30) });
      else if (!scrolled) lost.push(`not to be seen: “${node.data.trim().slice(0, 40)}”`);
      if (box.right + scrollX > innerWidth + 2 && !scrolled) lost.push(`beyond the page: “${node.data.trim().slice(0, 40)}”`);
    }
  }
  lines.sort((a, b) => a.top - b.top);
  for (const [i, a] of lines.entries()) for (let j = i + 1; j < lines.length && lines[j].top < a.bottom; j += 1) {
    const b = lines[j];
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = a.bottom - b.top;
    const least = 0.35 * Math.min(a.bottom - a.top, b.bottom - b.top);
    if (wide > 4 && Math.min(high, b.bottom - b.top) > least && a.own !== b.own) lost.push(`“${a.text}” over “${b.text}”`);
  }
  // What has a border or a ground of its own holds its text.
  for (const e of document.querySelectorAll('input:not([type=checkbox], [type=radio], [type=range]), select, button, label, .segments, .badge, .chip, a.button')) {
    if (!shown(e) || getComputedStyle(e).clipPath !== 'none') continue;
    if (e.scrollWidth > e.clientWidth + 2 && !(e.type === 'search' || e.placeholder && !e.value) && e.clientWidth) lost.push(`wider than itself: ${e.tagName} “${(e.value || e.textContent).slice(0, 40)}”`);
    if (e.clientHeight && e.scrollHeight > e.clientHeight + 3) lost.push(`higher than itself: ${e.tagName} “${(e.value || e.textContent).slice(0, 40)}”`);
    if (/INPUT|SELECT/.test(e.tagName) && e.clientHeight < 1.1 * parseFloat(getComputedStyle(e).fontSize)) lost.push(`lower than its text: ${e.tagName} ${e.className}`);
  }
  const wide = document.documentElement.scrollWidth;
  if (wide > innerWidth) lost.push(`the page is ${wide} wide`);
  return [...new Set(lost)].slice(0, 40);
}
"""


def settled(page: Page) -> None:
    """Everything has come that will come."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator(".bone")).to_have_count(0, timeout=60_000)


@pytest.mark.parametrize("room", ROOMS)
def test_with_text_at_twice_its_size_nothing_is_lost(opened: Opened, server: str, room: str) -> None:
    page = opened(f"{server}/{room}")
    settled(page)
    page.evaluate(TWICE)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(300)
        assert page.evaluate(LOST) == [], width
