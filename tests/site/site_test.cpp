// The site that `./bonsai docs` makes: every chapter and source file is a page, no link is broken, no picture is missing, each formula is two clicks from the first page and its tag
// leads back; and what a browser sees of it, where there is one.
#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "tests/files_support.h"

namespace bonsai::test {
namespace {

namespace fs = std::filesystem;
const fs::path root = BONSAI_SOURCE_DIR, site = root / "build/site";

// Made once for all tests of this file (BONSAI_SITE=made: before it).
std::string why_not() {
  static const std::string reason = []() -> std::string {
    if (std::system("pandoc --version >/dev/null 2>&1") != 0) return "pandoc is not installed; ./bonsai docs, as root, installs it";
    if (const char* made = std::getenv("BONSAI_SITE"); made && fs::exists(site / "index.html")) return "";
    const TemporaryFolder said;
    const int status = std::system(fmt::format("cd '{}' && ./bonsai docs >'{}' 2>&1 </dev/null", root.string(), (said / "said").string()).c_str());
    if (status != 0) ADD_FAILURE() << "./bonsai docs: " << get(said / "said");
    return "";
  }();
  return reason;
}
#define NEEDS_SITE() \
  if (!why_not().empty()) GTEST_SKIP() << why_not()

struct Page {
  std::vector<std::string> links, pictures;
  std::set<std::string> ids;
  std::string text;
};

std::vector<std::string> values(const std::string& text, const std::string& attribute) {
  std::vector<std::string> all;
  const std::string opening = " " + attribute + "=\"";
  for (std::size_t at = text.find(opening); at != text.npos; at = text.find(opening, at)) {
    at += opening.size();
    all.push_back(text.substr(at, text.find('"', at) - at));
  }
  return all;
}

const std::map<std::string, Page>& pages() {
  static const std::map<std::string, Page> all = [] {
    std::map<std::string, Page> found;
    for (const auto& entry : fs::recursive_directory_iterator(site))
      if (entry.path().extension() == ".html") {
        const std::string text = get(entry.path()), name = entry.path().lexically_relative(site).string();
        if (name.starts_with("api/")) continue;  // Doxygen's own
        auto ids = values(text, "id");
        found[name] = {values(text, "href"), values(text, "src"), {ids.begin(), ids.end()}, text};
      }
    return found;
  }();
  return all;
}

std::string from(const std::string& page, const std::string& link) { return (fs::path(page).parent_path() / link).lexically_normal().string(); }

TEST(Site, EveryChapterAndEverySourceIsAPage) {
  NEEDS_SITE();
  int chapters = 0, sources = 0;
  for (const char* folder : {"core", "nn", "datasets", "cuda", "prune", "experiments", "tools", "tests"})
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      std::string name = entry.path().lexically_relative(root).string();
      const std::string ending = entry.path().extension().string();
      if (ending == ".md") {
        name.replace(name.size() - 3, 3, ".html");
        if (entry.path().filename() == "README.md") name.replace(name.size() - 11, 11, "index.html");
        EXPECT_TRUE(pages().contains(name)) << name;
        ++chapters;
      } else if (ending == ".h" || ending == ".cpp" || ending == ".cu") {
        ASSERT_TRUE(pages().contains(name + ".html")) << name;
        std::ifstream in(entry.path());
        std::size_t lines = 0;
        for (std::string line; std::getline(in, line);) ++lines;
        EXPECT_EQ(pages().at(name + ".html").ids.size(), lines) << name;
        ++sources;
      }
    }
  EXPECT_TRUE(pages().contains("index.html") && pages().contains("NOTATION.html"));
  EXPECT_GE(chapters, 15);
  EXPECT_GE(sources, 400);
}

TEST(Site, NoLinkIsBrokenAndNoPictureMissing) {
  NEEDS_SITE();
  std::size_t links = 0, pictures = 0;
  for (const auto& [name, page] : pages()) {
    for (const std::string& link : page.links) {
      if (link.starts_with("http")) continue;
      ++links;
      const std::size_t hash = link.find('#');
      const std::string path = link.substr(0, hash), to = path.empty() ? name : from(name, path);
      ASSERT_TRUE(fs::is_regular_file(site / to)) << name << " links to " << link;
      if (hash != link.npos && pages().contains(to)) {
        EXPECT_TRUE(pages().at(to).ids.contains(link.substr(hash + 1))) << name << " links to " << link << ", a place that is not there";
      }
    }
    for (const std::string& picture : page.pictures) {
      ++pictures;
      EXPECT_TRUE(fs::is_regular_file(site / from(name, picture))) << name << " shows " << picture;
    }
  }
  EXPECT_GE(links, 5000u);
  EXPECT_GE(pictures, 20u);
}

// First page, chapter, line: and there the tag leads back.
TEST(Site, EveryFormulaIsTwoClicksAway) {
  NEEDS_SITE();
  const auto& first = pages().at("index.html").links;
  std::size_t formulas = 0, tags = 0;
  for (const auto& [name, page] : pages()) {
    if (name.ends_with(".cpp.html") || name.ends_with(".h.html") || page.text.find("class=\"tag\"") == page.text.npos) continue;
    tags += static_cast<std::size_t>(std::count_if(page.ids.begin(), page.ids.end(), [](const std::string& id) { return std::regex_match(id, std::regex("[a-z]+[0-9]*\\.[0-9]+")); }));
    EXPECT_NE(std::find(first.begin(), first.end(), name), first.end()) << "the first page has no link to " << name;
    std::size_t at = 0;
    for (std::size_t tag = page.text.find("<span class=\"tag\" id=\""); tag != page.text.npos; tag = page.text.find("<span class=\"tag\" id=\"", tag + 1)) {
      const std::string id = page.text.substr(tag + 22, page.text.find('"', tag + 22) - tag - 22);
      const std::size_t link = page.text.rfind("<a href=\"", tag);
      ASSERT_TRUE(link != page.text.npos && link >= at) << id;
      const std::string to = page.text.substr(link + 9, page.text.find('"', link + 9) - link - 9), source = from(name, to.substr(0, to.find('#'))), line = to.substr(to.find('#') + 1);
      const std::string& code = pages().at(source).text;
      const std::size_t begin = code.find("id=\"" + line + "\""), end = code.find("<span id=", begin);
      ASSERT_NE(begin, code.npos) << id;
      const std::string there = code.substr(begin, end - begin);
      EXPECT_NE(there.find("#" + id + "\">" + id + "</a>)"), there.npos) << id << ": " << source << " " << line << " says " << there;
      ++formulas;
      at = tag;
    }
  }
  EXPECT_GE(formulas, 80u);
  EXPECT_EQ(formulas, tags);
}

TEST(Site, SaysWhatIsMissing) {
  const TemporaryFolder at;  // a system without pandoc, and without apt to bring it
  const fs::path bin = at / "bin", said = at / "said";
  fs::create_directory(bin);
  for (const char* from : {"/usr/bin", "/bin"})
    for (const auto& program : fs::directory_iterator(from)) {
      const std::string name = program.path().filename().string();
      std::error_code twice;
      if (name != "pandoc" && name != "apt-get") fs::create_symlink(program.path(), bin / name, twice);
    }
  const auto docs = [&](const char* option) { return std::system(fmt::format("cd '{}' && PATH='{}' ./bonsai docs {} >'{}' 2>&1 </dev/null", root.string(), bin.string(), option, said.string()).c_str()) >> 8; };
  if (fs::exists(root / "build/deps/bin/pandoc")) GTEST_SKIP() << "pandoc is unpacked in build/deps";
  EXPECT_EQ(docs(""), 2);
  EXPECT_EQ(get(said), "bonsai: docs: pandoc is not installed, and the pages need it; as root: apt-get install pandoc\n");
  EXPECT_EQ(docs("--pdf"), 2);
  EXPECT_EQ(get(said), "bonsai: docs: no option --pdf (--api is the only one)\n");
}

// Doxygen's pages of the headers that are installed: without a warning, and with the comments as they stand in the code.
TEST(Api, EveryPublicHeaderWithoutAWarning) {
  if (std::system("doxygen --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "doxygen is not installed; ./bonsai docs --api, as root, installs it";
  const TemporaryFolder at;
  const std::string command = fmt::format("cd '{}' && {{ cat tools/site/Doxyfile && echo 'OUTPUT_DIRECTORY = \"{}\"'; }} | doxygen - >'{}' 2>&1", root.string(), at.path().string(), (at / "said").string());
  EXPECT_EQ(std::system(command.c_str()), 0) << get(at / "said");
  EXPECT_EQ(get(at / "said"), "");
  const auto shows = [&](const char* page, const std::string& words) { EXPECT_NE(get(at / page).find(words), std::string::npos) << page << " lacks: " << words; };
  shows("obs_8h.html", "Optimal Brain Surgeon: delete a weight and let all the others make up for it.");                          // the head of a file
  shows("obs_8h.html", "All n scores at once: w (n), inverse (n, n), both f64.");                                                  // above a declaration
  shows("gradual_8h.html", "   linear       ρ(t) = ρ_i + (ρ_f - ρ_i) (t - t0) / (n dt)\n");                                        // a formula keeps its layout
  shows("classbonsai_1_1Tensor.html", "negative axes count from the end");                                                         // behind one
  for (const char* folder : {"core", "nn", "datasets", "prune"})
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string path = entry.path().string(), name = entry.path().stem().string();
      if (entry.path().extension() != ".h" || path.find("/cpu/") != path.npos || path.find("/reference/") != path.npos || path.find("/exercises/") != path.npos) continue;
      std::string page = std::regex_replace(name, std::regex("_"), "__") + "_8h.html";
      bool found = fs::exists(at / page);
      for (const auto& other : fs::directory_iterator(at.path())) found = found || other.path().filename().string().ends_with("_2" + page);  // of two files of one name
      EXPECT_TRUE(found) << path;
    }
}

TEST(Site, ABrowserSeesPicturesAndFormulasAndAPhoneTheWholePage) {
  NEEDS_SITE();
  std::string browser;
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"})
    if (browser.empty() && std::system(fmt::format("command -v {} >/dev/null 2>&1", name).c_str()) == 0) browser = name;
  if (browser.empty()) GTEST_SKIP() << "no browser is installed (Debian's package is chromium)";
  std::string list;
  for (const auto& [name, page] : pages())
    if (page.text.find("<body>") != page.text.npos || name == "prune/scores/obs/obs.cpp.html") list += fmt::format("\"{}\",", name);
  const TemporaryFolder at;
  put(at / "check.html", "<pre id=said></pre><script>const site = 'file://" + site.string() + "/', pages = [" + list + R"js(];
(async () => {
  const wrong = []; let pictures = 0, formulas = 0;
  for (const page of pages) {
    const frame = document.createElement('iframe');
    frame.style = 'width: 390px; height: 800px; border: 0';
    const loaded = new Promise(done => frame.onload = done);
    frame.src = site + page;
    document.body.append(frame);
    await loaded;
    const there = frame.contentDocument, style = e => frame.contentWindow.getComputedStyle(e);
    for (const image of there.images) image.loading = 'eager';
    await Promise.all([...there.images].map(image => image.complete || new Promise(done => image.onload = image.onerror = done)));
    for (const image of there.images) { ++pictures; if (!image.complete || !image.naturalWidth || image.getBoundingClientRect().width < 50) wrong.push(page + ': picture ' + image.src); }
    for (const e of there.querySelectorAll('.formula')) {
      const box = e.getBoundingClientRect();
      if (!e.textContent.trim()) continue;
      ++formulas;
      if (box.width < 5 || box.height < 8 || style(e).visibility != 'visible' || style(e).color == style(there.body).backgroundColor) wrong.push(page + ': formula ' + e.textContent);
    }
    if (style(there.body).fontSize == '16px' != (style(there.querySelector('.menu')).display == 'block')) wrong.push(page + ': no style');
    if (there.documentElement.scrollWidth > 390) wrong.push(page + ': ' + there.documentElement.scrollWidth + ' pixels wide on a phone of 390');
    frame.remove();
  }
  document.getElementById('said').textContent = 'saw ' + pages.length + ' ' + pictures + ' ' + formulas + '\n' + wrong.join('\n') + '\nend';
})().catch(e => document.getElementById('said').textContent = 'failed: ' + e);
</script>)js");
  const std::string command = fmt::format("timeout 120 {} --headless --no-sandbox --disable-gpu --no-first-run --user-data-dir='{}' --allow-file-access-from-files --virtual-time-budget=100000 --dump-dom 'file://{}' 2>/dev/null", browser,
                                          (at / "profile").string(), (at / "check.html").string());
  EXPECT_EQ(std::system((command + " >'" + (at / "dom").string() + "'").c_str()), 0);
  const std::string dom = get(at / "dom");
  const std::size_t begin = dom.find("<pre id=\"said\">");
  ASSERT_NE(begin, dom.npos) << browser << " printed nothing; the first page is " << site / "index.html";
  const std::string said = dom.substr(begin + 15, dom.find("</pre>", begin) - begin - 15);
  int seen = 0, pictures = 0, formulas = 0;
  ASSERT_EQ(std::sscanf(said.c_str(), "saw %d %d %d\n", &seen, &pictures, &formulas), 3) << said;
  EXPECT_GE(seen, 20);
  EXPECT_GE(pictures, 20);
  EXPECT_GE(formulas, 80);
  EXPECT_EQ(said.substr(said.find('\n')), "\n\nend") << said;
}

}  // namespace
}  // namespace bonsai::test
