-- One chapter as a page: a filter of pandoc's. Links lead to pages; in a line with a formula's tag the formula is set as one; wide tables may be moved sideways.
package.path = os.getenv("SITE_ROOT") .. "/tools/site/?.lua;" .. package.path
local site = require("site")
local chapter, folder

local function fail(...) io.stderr:write("docs: ", string.format(...), "\n") os.exit(2) end

-- A link or picture as the chapter has it -> as the page has it.
local function target(link)
  if link:match("^%a+:") or link:match("^#") then return link end
  local path, place = link:match("^([^#]*)(#?.*)$")
  local page = site.page(site.normal(folder .. "/" .. path))
  if not page then fail("%s links to %s, which is not there", chapter, link) end
  return site.up(folder) .. page .. place
end

-- w_q² -> w, q below, ²; x^(1/n), 2^bits and Σ_{kept} likewise. What stands below or above: braces, brackets, or the letters that follow.
local function set(text)
  local html = site.escape(text)
  html = html:gsub("_{([^}]*)}", "<sub>%1</sub>"):gsub("%^{([^}]*)}", "<sup>%1</sup>")
  html = html:gsub("_([%w,:]*[%w:])", "<sub>%1</sub>")
  html = html:gsub("%^(%b())", "<sup>%1</sup>"):gsub("%^(%w+)", "<sup>%1</sup>")
  return html
end

local function tag_in(text) return text:match("^%(([a-z]+[0-9]*%.[0-9]+)%)[;:,.]?$") end

-- A line of words, some of which are a formula with its link and tag behind: "s = ½ H_ii w², in [obd.h](..) (obd.1)".
local function formulas(inlines)
  local tagged = false
  for _, x in ipairs(inlines) do tagged = tagged or (x.t == "Str" and tag_in(x.text) ~= nil) end
  if not tagged then return nil end
  local out, open = pandoc.List(), true
  local function html(text) out:insert(pandoc.RawInline("html", text)) end
  html('<span class="formula">')
  for _, x in ipairs(inlines) do
    if x.t == "Link" and open then html("</span>") open = false end
    if x.t == "Str" then
      local tag = tag_in(x.text)
      if tag then html(string.format('<span class="tag" id="%s">%s</span>', tag, site.escape(x.text))) else html(open and set(x.text) or site.escape(x.text)) end
    else
      out:insert(x)
    end
  end
  if open then html("</span>") end
  return out
end

-- In a table whose tags stand in a column of their own, the formula is in the column before it.
local function row_formulas(cells)
  for i, cell in ipairs(cells) do
    for j, block in ipairs(cell.contents) do
      local new = (block.t == "Plain" or block.t == "Para") and formulas(block.content)
      if new then
        local first = block.content[1]
        cell.contents[j] = pandoc.Plain(new)
        if first and first.t == "Link" and i > 1 then
          for k, before in ipairs(cells[i - 1].contents) do
            if before.t == "Plain" then
              local set_there = pandoc.List{pandoc.RawInline("html", '<span class="formula">')}
              for _, x in ipairs(before.content) do set_there:insert(x.t == "Str" and pandoc.RawInline("html", set(x.text)) or x) end
              set_there:insert(pandoc.RawInline("html", "</span>"))
              cells[i - 1].contents[k] = pandoc.Plain(set_there)
            end
          end
        end
      end
    end
  end
  return cells
end

local function table_of(t)
  local plain = true
  for _, row in ipairs(t.head.rows) do
    for _, cell in ipairs(row.cells) do plain = plain and #cell.contents == 0 end
  end
  for _, body in ipairs(t.bodies) do
    for _, row in ipairs(body.body) do row.cells = row_formulas(row.cells) end
  end
  local class = plain and "card" or "wide"
  return {pandoc.RawBlock("html", '<div class="' .. class .. '">'), t, pandoc.RawBlock("html", "</div>")}
end

return {
  {Meta = function(meta)
    chapter = pandoc.utils.stringify(meta.chapter)
    folder = chapter:match("(.*)/") or "."
  end},
  {
    Link = function(link) link.target = target(link.target) return link end,
    Image = function(image)
      image.src = target(image.src)
      image.attributes.loading = "lazy"
      return image
    end,
    Table = table_of,
    Para = function(para)
      local new = formulas(para.content)
      if new then return pandoc.Para(new) end
    end,
  },
  {Meta = function(meta)
    local function raw(html) return pandoc.MetaBlocks{pandoc.RawBlock("html", html)} end
    meta.title, meta.up = pandoc.MetaString(site.title(chapter)), pandoc.MetaString(site.up(folder))
    meta.nav, meta.neighbours = raw(site.nav(folder, chapter)), raw(site.neighbours(chapter))
    meta.path = pandoc.MetaString(chapter)
    return meta
  end},
}
