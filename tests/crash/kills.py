# SPDX-License-Identifier: AGPL-3.0-or-later
"""kill -9 of the daemon at random points, many times over, on folders that grow.

A round is: start the daemon on what the last kill left, look at everything that the last clients were told, let new clients
write, kill. The moment is drawn: after a time, right after the n-th acknowledgement, in the middle of a start, in the middle
of an orderly stop. Sometimes the index is gone before the next start. The same seed draws the same moments and texts.
"""
import os
import random
import shutil
import threading
import time

import suite
from restart import Restartable
from writers import Ledger, Turner, Writer, check_thread

ROUNDS_PER_FOLDER = 40
WRITERS = 3


class Crashes:
    def __init__(self, rounds, seed):
        self.rounds, self.seed = rounds, seed
        self.kills = self.messages_read = self.acknowledged = 0
        self.cut = 0

    def run(self):
        for first in range(0, self.rounds, ROUNDS_PER_FOLDER):
            self.one_folder(first, min(ROUNDS_PER_FOLDER, self.rounds - first))
        return (f'{self.kills} kills, {self.acknowledged} acknowledged writes, {self.messages_read} messages read back, '
                f'{self.cut} answers cut')

    def one_folder(self, first, count):
        ledger = Ledger()
        with Restartable(models={'echo': {}}) as d:
            fresh = set()
            for number in range(first, first + count):
                try:
                    fresh = self.one_round(d, ledger, number, fresh)
                except Exception as error:
                    raise AssertionError(f'seed {self.seed}, round {number}: {error}') from error
            self.check_all(d, ledger)
            d.kill()
            self.lose_index(d)
            d.start()
            self.check_all(d, ledger)
            self.acknowledged += ledger.acknowledged
            self.cut += sum(not was_told for one in ledger.threads.values() for _, was_told in one.answers.values())

    def one_round(self, d, ledger, number, fresh):
        dice = random.Random(f'{self.seed}/{number}')
        self.check(d, ledger, fresh | self.sample(ledger, dice))
        before = set(ledger.threads)
        known = self.children(d)
        how = dice.choices(['time', 'acknowledged', 'stop', 'start'], [45, 30, 15, 10])[0]
        clients = self.clients(d, ledger, dice, before)
        self.write_and_kill(d, ledger, dice, how, known)
        for client in clients:
            client.join(30)
            if client.is_alive() or client.error:
                raise AssertionError(f'a client failed: {client.error or "it waits for a dead daemon"}') from client.error
        self.end_children(known)
        if dice.random() < 0.05:
            self.lose_index(d)
        if how == 'start':
            d.spawn()
            time.sleep(dice.uniform(0, 0.04))
            d.kill()
            self.kills += 1
        d.start()
        touched = {thread for client in clients if isinstance(client, Writer) for thread in client.mine}
        return touched | (set(ledger.threads) - before)

    @staticmethod
    def clients(d, ledger, dice, before):
        made = [Writer(d.line(), ledger, dice.random()) for _ in range(WRITERS)]
        made.append(Turner(d.line(), ledger, dice.random()))
        # A writer goes on in threads of earlier rounds; each thread keeps to one writer, and deleted ones are left alone.
        old = [t for t in sorted(before) if ledger.threads[t].title and ledger.threads[t].is_deleted == {False}]
        for thread in dice.sample(old, min(len(old), 2 * WRITERS)):
            made[dice.randrange(WRITERS)].mine.append(thread)
        for client in made:
            client.start()
        return made

    def write_and_kill(self, d, ledger, dice, how, known):
        reached = threading.Event()
        wanted = ledger.acknowledged + dice.randint(1, 80)
        ledger.on_acknowledged = lambda count: count >= wanted and reached.set()
        if how == 'acknowledged':
            reached.wait(10)
        else:
            time.sleep(dice.uniform(0, 0.3))
        known.update(self.children(d))
        if how == 'stop':
            d.process.terminate()
            time.sleep(dice.uniform(0, 0.02))
        d.kill()
        self.kills += 1

    # -- looking ---------------------------------------------------------------------------------------------------

    @staticmethod
    def sample(ledger, dice):
        return set(dice.sample(sorted(ledger.threads), min(5, len(ledger.threads))))

    def check(self, d, ledger, threads):
        line = d.line()
        try:
            for thread in sorted(threads):
                one = ledger.threads[thread]
                self.settled(line, thread, one)
                self.messages_read += check_thread(line, thread, one)
        finally:
            line.close()

    def settled(self, line, thread, one):
        """Stubs that the kill left are named by chat at its start; wait for that, then remember how they ended."""
        def is_settled():
            got = line.call('threads.get', {'id': thread})
            return not any(message['state'] == 'running' for message in got['messages'])
        if one.answers or one.turns:
            suite.until(is_settled, f'{thread}: an answer of a dead daemon is still called running')

    def check_all(self, d, ledger):
        self.check(d, ledger, set(ledger.threads))
        line = d.line()
        try:
            listed, cursor = {}, None
            while True:
                page = line.call('threads.list', {'limit': 100, **({'cursor': cursor} if cursor else {})})
                listed.update((one['id'], one) for one in page['threads'])
                cursor = page['next']
                if not cursor:
                    break
            for thread, one in ledger.threads.items():
                if one.is_deleted == {False} and thread not in listed:
                    raise AssertionError(f'{thread} is not in the list')
            for thread in set(listed) - set(ledger.threads):
                # Made without anybody having been told; it must be readable all the same.
                line.call('threads.get', {'id': thread})
        finally:
            line.close()

    # -- processes and files -----------------------------------------------------------------------------------------

    @staticmethod
    def children(d):
        try:
            return set(d.children())
        except OSError:
            return set()

    @staticmethod
    def end_children(pids):
        """The daemon's children notice its death and end by themselves."""
        suite.until(lambda: not any(os.path.exists(f'/proc/{pid}/exe') for pid in pids), 'a child outlived its daemon')

    @staticmethod
    def lose_index(d):
        shutil.rmtree(d.data / 'local/index', ignore_errors=True)

