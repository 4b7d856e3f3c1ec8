using Microsoft.ML.Moka;
using Microsoft.ML.Moka.ApiReference;

if (args is not [var folder])
{
    Console.Error.WriteLine("Usage: api FOLDER (./build.sh docs gives docs/api)");
    return 1;
}
var assembly = typeof(MokaTrainer).Assembly;
var pages = Reference.Make(assembly, File.ReadAllText(Path.ChangeExtension(assembly.Location, ".xml")));
Directory.CreateDirectory(folder);
foreach (var old in Directory.GetFiles(folder, "*.md").Where(file => !pages.ContainsKey(Path.GetFileName(file))))
    File.Delete(old);
foreach (var (name, text) in pages)
    File.WriteAllText(Path.Combine(folder, name), text);
Console.WriteLine($"Wrote {pages.Count} pages to {folder}.");
return 0;
