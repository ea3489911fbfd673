try {
  themeChoice.value = localStorage.getItem("paceline-theme") || "auto";
} catch { /* a page from a file may have no storage */ }
applyTheme();
if (data.run) runPage();
else comparisonPage();
drawAll();

const recolour = () => { applyTheme(); drawAll(); };
themeChoice.addEventListener("change", () => {
  try { localStorage.setItem("paceline-theme", themeChoice.value); } catch { /* as above */ }
  recolour();
});
dark.addEventListener("change", recolour);
document.documentElement.dataset.drawn = "yes";  // for whoever waits for it
