using System.Text.Json.Nodes;

namespace RealBackbone;

/// <summary>Questions that were held back from the training files of benchmarks, as a folder of their own while it is needed.</summary>
internal sealed class ValidationBenchmarks : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("moka-validation-");

    /// <param name="benchmarks">The folder of the benchmarks.</param>
    /// <param name="files">The training files in it.</param>
    /// <param name="count">How many rows of each are there to train on.</param>
    /// <param name="choose">Chooses those that are held back.</param>
    public ValidationBenchmarks(string benchmarks, IEnumerable<string> files, int count, Func<IReadOnlyList<JsonNode?>, List<JsonNode?>> choose)
    {
        foreach (var file in files)
        {
            var rows = JsonNode.Parse(File.ReadAllBytes(Path.Combine(benchmarks, file)))!.AsArray();
            var held = new JsonArray([.. choose([.. rows.Take(count)]).Select(row => row?.DeepClone())]);
            var target = Path.Combine(Folder, Path.GetDirectoryName(file)!, "test.json");
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.WriteAllText(target, held.ToJsonString());
        }
    }

    public string Folder => _folder.FullName;

    public void Dispose() => _folder.Delete(recursive: true);
}
