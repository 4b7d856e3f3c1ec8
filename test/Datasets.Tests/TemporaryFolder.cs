using System.Text.Json;
using Parquet;
using Parquet.Schema;

namespace Microsoft.ML.Moka.Tests.Datasets;

/// <summary>A folder of files that a test writes; it is gone after the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("moka-datasets-").FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Writes a file and returns its path.</summary>
    public string Write(string name, string content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(File(name))!);
        System.IO.File.WriteAllText(File(name), content);
        return File(name);
    }

    /// <summary>Writes texts and classes as Hugging Face's datasets do, with the names of the classes in the file where they are given.</summary>
    public string WriteParquet(string name, string?[] texts, long?[] labels, string[]? classes = null, int groups = 1)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(File(name))!);
        WriteAsync(File(name), texts, labels, classes, groups).GetAwaiter().GetResult();
        return File(name);
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);

    private static async Task WriteAsync(string path, string?[] texts, long?[] labels, string[]? classes, int groups)
    {
        var (text, label, score) = (new DataField<string>("text"), new DataField<long?>("label"), new DataField<double>("score"));
        var tokens = new DataField<int[]>("tokens");
        await using var stream = System.IO.File.Create(path);
        await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(text, label, score, tokens), stream);
        if (classes is not null)
            writer.CustomMetadata = new Dictionary<string, string>
            {
                ["huggingface"] = JsonSerializer.Serialize(new { info = new { features = new { label = new { names = classes, _type = "ClassLabel" } } } }),
            };
        foreach (var rows in Enumerable.Range(0, texts.Length).Chunk(Math.Max(1, texts.Length / groups)))
        {
            using var group = writer.CreateRowGroup();
            await group.WriteAsync(text, rows.Select(row => texts[row]).ToArray()!);
            await group.WriteAsync<long>(label, rows.Select(row => labels[row]).ToArray());
            await group.WriteAsync<double>(score, rows.Select(row => row / 4.0).ToArray());
            await group.WriteAsync<int>(tokens, rows.SelectMany(row => new[] { row, row + 1 }).ToArray(), rows.SelectMany(_ => new[] { 0, 1 }).ToArray());
        }
    }
}
