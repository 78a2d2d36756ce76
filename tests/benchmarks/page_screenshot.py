"""Take a screenshot of the page with a tagged text: python page_screenshot.py ADDRESS FILE"""

from __future__ import annotations

import shutil
import sys

from playwright.sync_api import sync_playwright

TEXT = ("Heavy rain closed the airport of Geneva on Tuesday. Jordan May, who speaks for the World Health "
        "Organization, said that Swiss and Kenyan officials would meet in Nairobi in March 2027 instead, and "
        "that the European Union would pay for it.")


def main(address: str, file: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 900, "height": 620}, device_scale_factor=1.5)
        page.goto(address)
        page.fill("#text", TEXT)
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#result p.text")
        page.screenshot(path=file, full_page=True)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
