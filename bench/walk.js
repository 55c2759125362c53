// What the 2021 server did for each question, on the same folder: list it, and look at every file.
// node walk.js FOLDER count|size|list ROUNDS → milliseconds of each round, a line each
const { promises: fs } = require("fs");
const path = require("path");

const images = async (folder) => (await fs.readdir(folder)).filter((n) => n.endsWith(".jpg"));

const questions = {
  count: async (folder) => (await images(folder)).length,
  size: async (folder) => {
    let total = 0;
    const names = await images(folder);
    for (let at = 0; at < names.length; at += 1000) {
      const some = names.slice(at, at + 1000).map((n) => fs.stat(path.join(folder, n)));
      for (const { size } of await Promise.all(some)) total += size;
    }
    return total;
  },
  list: async (folder) => {
    const names = (await images(folder)).sort();
    const step = (names.length - 1) / 99;
    return Array.from({ length: 100 }, (_, i) => names[Math.round(i * step)]);
  },
};

(async () => {
  const [folder, question, rounds] = process.argv.slice(2);
  for (let i = 0; i < Number(rounds); i++) {
    const start = process.hrtime.bigint();
    await questions[question](folder);
    console.log(Number(process.hrtime.bigint() - start) / 1e6);
  }
})();
