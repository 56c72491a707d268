# SPDX-License-Identifier: BSD-3-Clause
"""The operator at the serial console of an appliance: what is typed, and what comes back as plain text."""
import re
import time

from vm import Timeout

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>78cM]|\x07|\x0f")
PROMPT = r"{host}(\([a-z-]+\))?[>#] ?$"


def plain(text):
    """Without escape sequences; what backspace takes back is taken back."""
    text = ESCAPES.sub("", text).replace("\r", "")
    while "\b" in text:
        shorter = re.sub(r"[^\b\n]\b", "", text)
        text = shorter if shorter != text else text.replace("\b", "")
    return text


class Console:
    def __init__(self, vm, host="registrar"):
        self.vm, self.host = vm, host

    def wait_for(self, pattern, limit, mark=0):
        return self.vm.expect(pattern, limit, mark)

    def answer(self, question, text, limit=60, mark=0):
        """Waits for a question, then types; returns the mark before the answer."""
        self.vm.expect(question, limit, mark)
        mark = self.vm.mark()
        self.vm.send(text + "\r")
        return mark

    def first_login(self, name, password):
        """The dialogue of a box that knows no operator."""
        mark = self.answer(r"Operator name \[admin\]: ", name)
        mark = self.answer("New password: ", password, mark=mark)
        mark = self.answer("Once more: New password: ", password, mark=mark)
        self.vm.expect(f"Operator {name} is set up", 60, mark)
        return mark

    def login(self, name, password, mark=0, limit=60):
        mark = self.answer("login: ", name, limit, mark)
        mark = self.answer("Password: ", password, limit, mark)
        self._until_prompt(mark, limit)
        self.command("terminal length 0")

    def logout(self):
        mark = self.vm.mark()
        self.vm.send("logout\r")
        self.vm.expect("login: ", 60, mark)
        return mark

    def command(self, text, limit=40):
        """Types a command, returns what it printed."""
        mark = self.vm.mark()
        self.vm.send(text + "\r")
        output = self._until_prompt(mark, limit)
        return output.split("\n", 1)[1].rsplit("\n", 1)[0] if "\n" in output else ""

    def commands(self, *lines):
        """Commands that must succeed: an error begins with a percent sign."""
        for line in lines:
            output = self.command(line)
            assert "%" not in output and "^" not in output, f"`{line}`: {output}"

    def prompt(self):
        return plain(self.vm.text()).rsplit("\n", 1)[-1].strip()

    def _until_prompt(self, mark, limit):
        """The host's name may have changed with the command: any name at the start of the last line counts."""
        end = time.monotonic() + limit
        wanted = re.compile(PROMPT.format(host=r"[A-Za-z0-9.-]+"))
        while True:
            text = plain(self.vm.text(mark))
            last = text.rsplit("\n", 1)
            if len(last) == 2 and wanted.match(last[1]):
                return text
            if time.monotonic() > end or self.vm.process.poll() is not None:
                raise Timeout(f"{self.vm.name}: no prompt within {limit} s; the console ends:\n{text[-1500:]}")
            with self.vm.lock:
                self.vm.lock.wait(0.2)
