using System.Diagnostics;
using Microsoft.ML.Moka.Notebook;

if (args is not [var folder])
{
    Console.Error.WriteLine("Usage: notebook FOLDER (with walkthrough.cs; ./build.sh notebook gives samples/notebooks)");
    return 1;
}
// Cells name their data from where the notebook lies.
Environment.CurrentDirectory = folder;
Directory.CreateDirectory("data");
foreach (var (name, text) in DataFiles.Make())
    File.WriteAllText(Path.Combine("data", name), text);

var cells = Walkthrough.Cells(File.ReadAllText("walkthrough.cs"));
var clock = Stopwatch.StartNew();
using (var session = new Session())
    foreach (var cell in cells.Where(cell => cell.IsCode))
        session.Run(cell);
File.WriteAllText("Moka.ipynb", NotebookFile.Write(cells));
Console.WriteLine($"Ran {cells.Count(cell => cell.IsCode)} cells in {clock.Elapsed.TotalSeconds:0.0} s: {Path.GetFullPath("Moka.ipynb")}");
return 0;
