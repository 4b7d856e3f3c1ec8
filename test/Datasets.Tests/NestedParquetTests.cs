using System.Text.Json;
using Microsoft.ML.Data;
using Parquet;
using Parquet.Schema;
using Parquet.Serialization;

namespace Microsoft.ML.Moka.Tests.Datasets;

/// <summary>Lists and structures of Parquet are what the same rows are in JSON.</summary>
public sealed class NestedParquetTests : IDisposable
{
    private static readonly JsonSerializerOptions Unescaped = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly TemporaryFolder _folder = new();
    private readonly MLContext _context = new(seed: 1);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(100)]
    [InlineData(2)]
    public async Task Conversations_are_those_of_the_same_rows_in_JSON(int groupSize)
    {
        Chat[] rows =
        [
            new() { Id = 1, Messages = [new("user", "Hi \"you\",\nthere"), new("assistant", "Hö")], Tags = ["a", "b"], Numbers = [[1, 2], [], [3]] },
            new() { Id = 2, Messages = [], Tags = [], Numbers = [] },
            new() { Id = 3, Messages = null, Tags = null, Numbers = null },
            new()
            {
                Id = 4, Messages = [new("user", null)], Tags = ["c"], Numbers = [[]],
                Place = new() { City = "Bern", Size = 1.5 }, Lists = new() { A = ["x", "y"], B = [1] },
            },
            new()
            {
                Id = 5, Messages = [new("system", "Be brief."), new("user", "Why?")], Tags = ["d"], Numbers = [[4]],
                Place = new(), Lists = new() { A = [], B = [2, 3] },
            },
        ];
        var path = _folder.File("chats.parquet");
        await ParquetSerializer.SerializeAsync(rows, path, new ParquetOptions { RowGroupSize = groupSize });

        var view = _context.Data.LoadDataset(path);

        Assert.Equal([1, 2, 3, 4, 5], view.GetColumn<long>("Id"));
        Assert.Equal(rows.Select(row => Json(row.Messages)), view.GetColumn<string>("Messages"));
        Assert.Equal(rows.Select(row => Json(row.Numbers)), view.GetColumn<string>("Numbers"));
        Assert.Equal(rows.Select(row => Json(row.Place)), view.GetColumn<string>("Place"));
        Assert.Equal(rows.Select(row => Json(row.Lists)), view.GetColumn<string>("Lists"));
        Assert.Equal(rows.Select(row => string.Join('|', row.Tags ?? [])), view.GetColumn<string[]>("Tags").Select(tags => string.Join('|', tags)));
    }

    /// <summary>A data set of several classes a row, as go_emotions has them: a list of numbers whose names are in the file.</summary>
    [Fact]
    public async Task Numbers_of_classes_in_lists_become_names()
    {
        var (text, labels) = (new DataField<string>("text"), new DataField<int[]>("labels"));
        await using (var stream = File.Create(_folder.File("train.parquet")))
        {
            await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(text, labels), stream);
            writer.CustomMetadata = new Dictionary<string, string>
            {
                ["huggingface"] = """
                    {"info": {"features": {"labels": {"feature": {"names": ["joy", "anger", "fear"], "_type": "ClassLabel"}, "_type": "Sequence"}}}}
                    """,
            };
            using var group = writer.CreateRowGroup();
            await group.WriteAsync(text, (string[])["a", "b"]);
            await group.WriteAsync<int>(labels, (int[])[2, 0, 1], (int[])[0, 1, 0]);
        }
        string[] expected = ["fear|joy", "anger"];

        Assert.Equal(expected, Joined(_context.Data.LoadDataset(_folder.File("train.parquet"))));
        _folder.Write("lines/train.jsonl", "{\"labels\": [2, 0]}\n{\"labels\": [1]}\n");
        _folder.Write("lines/README.md", """
            ---
            dataset_info:
              features:
              - name: labels
                sequence:
                  class_label:
                    names:
                      '0': joy
                      '1': anger
                      '2': fear
            ---
            """);
        Assert.Equal(expected, Joined(_context.Data.LoadDataset(_folder.File("lines"))));
        _folder.Write("lines/train.jsonl", "{\"labels\": [3]}\n");
        Assert.Contains("the class 3", Assert.Throws<InvalidDataException>(() => _context.Data.LoadDataset(_folder.File("lines"))).Message);

        static IEnumerable<string> Joined(IDataView view) => view.GetColumn<string[]>("labels").Select(row => string.Join('|', row));
    }

    private static string Json<T>(T? value)
        where T : class => value is null ? "" : JsonSerializer.Serialize(value, Unescaped);

    private sealed class Chat
    {
        public long Id { get; set; }

        public List<Message>? Messages { get; set; }

        public List<string>? Tags { get; set; }

        public List<List<int>>? Numbers { get; set; }

        public Place? Place { get; set; }

        public Lists? Lists { get; set; }
    }

    private sealed class Lists
    {
        public List<string>? A { get; set; }

        public List<long>? B { get; set; }
    }

    private sealed class Message
    {
        public Message()
        {
        }

        public Message(string role, string? content) => (this.role, this.content) = (role, content);

#pragma warning disable IDE1006, SA1300 // As the files have them.
        public string? role { get; set; }

        public string? content { get; set; }
#pragma warning restore IDE1006, SA1300
    }

    private sealed class Place
    {
        public string? City { get; set; }

        public double? Size { get; set; }
    }
}
