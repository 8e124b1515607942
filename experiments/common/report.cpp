#include "experiments/common/report.h"

#include <openssl/evp.h>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace bonsai::experiments {
namespace {

std::string base64(const std::string& bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(n);
  return out;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text)
    out += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : std::string(1, c);
  return out;
}

}  // namespace

void write_report(const RunFolder& folder, const std::string& title, const std::vector<Figure>& figures,
                  const std::string& table, const std::string& summary) {
  auto config = nlohmann::ordered_json::parse(folder.read("config.json"));
  for (const char* no_result_depends_on : {"jobs", "threads"}) config["environment"].erase(no_result_depends_on);
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\n<style>body{{font:16px/1.5 "
      "sans-serif;max-width:1100px;margin:2em auto;"
      "padding:0 "
      "1em;color:#222}}img{{max-width:100%}}pre{{background:#f5f5f5;padding:1em;overflow:auto;font-size:13px}}"
      "figcaption{{color:#555}}figure{{margin:2em 0}}"
      "</style></head><body>\n<h1>{0}</h1>\n",
      escaped(title));
  for (const Figure& f : figures) {
    const bool svg = f.file.ends_with(".svg");
    html += fmt::format(
        "<figure><img alt=\"{}\" src=\"data:image/{};base64,{}\"><figcaption>{}</figcaption></figure>\n",
        escaped(f.caption), svg ? "svg+xml" : "png", base64(folder.read("figures/" + f.file)), escaped(f.caption));
  }
  html += fmt::format(
      "<h2>Results</h2>\n<pre>{}</pre>\n<h2>Summary, with the paper's "
      "numbers</h2>\n<pre>{}</pre>\n<h2>Configuration</h2>\n<pre>{}</pre>\n</body></html>\n",
      escaped(table), escaped(summary), escaped(config.dump(2)));
  folder.write("report.html", html);
}

void present(const RunFolder& folder, const Findings& f) {
  folder.write("table.txt", f.table);
  write_report(folder, f.title, f.figures, f.table, f.summary);
  folder.write("summary.json", f.summary);
  fmt::print("\n{}\n", f.table);
  if (!f.figures.empty()) {
    fmt::print("figures:");
    for (const Figure& figure : f.figures) fmt::print(" {}", folder.file("figures/" + figure.file).string());
    fmt::print("\n");
  }
  fmt::print("report:  {}\n", folder.file("report.html").string());
}

void present_again(const RunFolder& folder) {
  fmt::print("{}\nThis run is finished. report:  {}\n", folder.read("table.txt"), folder.file("report.html").string());
}

}  // namespace bonsai::experiments
