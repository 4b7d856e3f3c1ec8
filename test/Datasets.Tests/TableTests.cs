using Microsoft.ML.Data;
using Microsoft.ML.Moka.Conformance;
using Microsoft.ML.Moka.Datasets;

namespace Microsoft.ML.Moka.Tests.Datasets;

/// <summary>Files and folders as people have them.</summary>
public sealed class TableTests : IDisposable
{
    private static readonly string[] Texts = ["good", "bad", "so, so", "no \"name\"\nat all"];
    private readonly TemporaryFolder _folder = new();
    private readonly MLContext _context = new(seed: 1);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_form_of_a_file_has_the_same_rows()
    {
        const string Quoted = "\"no \"\"name\"\"\nat all\"";
        var csv = _folder.Write("a.csv", $"text,label\ngood,pos\nbad,neg\n\"so, so\",neg\n{Quoted},pos\n");
        var tsv = _folder.Write("a.tsv", $"text\tlabel\ngood\tpos\nbad\tneg\nso, so\tneg\n{Quoted}\tpos\n");
        var lines = Texts.Zip(["pos", "neg", "neg", "pos"], (text, label) => System.Text.Json.JsonSerializer.Serialize(new { text, label })).ToList();
        var jsonl = _folder.Write("a.jsonl", string.Join('\n', lines));
        var json = _folder.Write("a.json", $"[{string.Join(',', lines)}]");
        var parquet = _folder.WriteParquet("a.parquet", Texts, [1, 0, 0, 1], ["neg", "pos"], groups: 2);

        foreach (var path in (string[])[csv, tsv, jsonl, json, parquet])
        {
            var view = _context.Data.LoadDataset(path);
            Assert.Equal(Texts, view.GetColumn<string>("text"));
            Assert.Equal(["pos", "neg", "neg", "pos"], view.GetColumn<string>("label"));
            Assert.Equal(4, view.GetRowCount());
        }
        Assert.Equal([0, 0.25f, 0.5f, 0.75f], _context.Data.LoadDataset(parquet).GetColumn<float>("score"));
        Assert.Equal(["[0,1]", "[1,2]", "[2,3]", "[3,4]"], _context.Data.LoadDataset(parquet).GetColumn<string>("tokens"));
    }

    [Fact]
    public void Values_have_the_types_that_the_file_gives_them()
    {
        var path = _folder.Write("a.jsonl", """
            {"id": 9007199254740993, "price": 1.5, "gap": 1, "flag": true, "half": true, "list": [1, "a"], "mixed": 1, "text": "a"}
            {"id": 2, "price": 3, "gap": null, "flag": false, "mixed": "b"}
            """);
        var view = _context.Data.LoadDataset(path);

        Assert.Equal([9007199254740993, 2], view.GetColumn<long>("id"));
        Assert.Equal([1.5f, 3], view.GetColumn<float>("price"));
        Assert.Equal([1, float.NaN], view.GetColumn<float>("gap"));
        Assert.Equal([true, false], view.GetColumn<bool>("flag"));
        Assert.Equal(["true", ""], view.GetColumn<string>("half"));
        Assert.Equal(["[1, \"a\"]", ""], view.GetColumn<string>("list"));
        Assert.Equal(["1", "b"], view.GetColumn<string>("mixed"));
        var tags = _context.Data.LoadDataset(_folder.Write("c.jsonl", """
            {"tags": ["a", "b, c"]}
            {"tags": []}
            {"tags": null}
            """));
        Assert.Equal(["a|b, c", "", ""], tags.GetColumn<string[]>("tags").Select(row => string.Join('|', row)));
        var large = _folder.Write("b.jsonl", "{\"x\": 1.5}\n{\"x\": 1e300}\n");
        Fails("line 2", "'x' is 1e300", () => _context.Data.LoadDataset(large));
    }

    [Fact]
    public void A_folder_of_Hugging_Face_s_has_splits_parts_and_names_of_classes()
    {
        _folder.WriteParquet("data/train-00000-of-00002.parquet", ["a", "b"], [0, 1], ["neg", "pos"]);
        _folder.WriteParquet("data/train-00001-of-00002.parquet", ["c"], [1], ["neg", "pos"]);
        _folder.WriteParquet("data/test-00000-of-00001-a09b74b3ef9c3b56.parquet", ["d", null], [-1, null], ["neg", "pos"]);
        _folder.WriteParquet("data/unsupervised-00000-of-00001.parquet", ["e"], [0], ["neg", "pos"]);
        _folder.Write(".gitattributes", "*.parquet filter=lfs");

        var train = _context.Data.LoadDataset(_folder.Path);
        Assert.Equal(["a", "b", "c"], train.GetColumn<string>("text"));
        Assert.Equal(["neg", "pos", "pos"], train.GetColumn<string>("label"));
        Assert.Equal(["", ""], _context.Data.LoadDataset(_folder.Path, "test").GetColumn<string>("label"));
        Assert.Equal(["d", ""], _context.Data.LoadDataset(_folder.Path, "test").GetColumn<string>("text"));
        Assert.Equal(["e"], _context.Data.LoadDataset(_folder.Path, "unsupervised").GetColumn<string>("text"));
        Fails("no split 'validation'", "train", () => _context.Data.LoadDataset(_folder.Path, "validation"));
        File.Delete(_folder.File("data/train-00000-of-00002.parquet"));
        Fails("lacks part 0 of 2", "fetch the whole folder", () => _context.Data.LoadDataset(_folder.Path));
    }

    [Theory]
    [InlineData("dataset_infos.json", """{"default": {"features": {"label": {"num_classes": 2, "names": ["it's: neg", "pos"], "_type": "ClassLabel"}}}}""")]
    [InlineData("README.md", """
        ---
        language: [en]
        dataset_info:
          features:
          - name: text
            dtype: string
          - name: label
            dtype:
              class_label:
                names:
                  '0': 'it''s: neg'
                  '1': pos
          splits:
          - name: train
        ---
        # A data set
        - name: label
        """)]
    [InlineData("README.md", """
        ---
        dataset_info:
        - config_name: default
          features:
          - name: label
            dtype:
              class_label:
                names:
                - "it's: neg"
                - pos
        ---
        """)]
    public void Names_of_classes_lie_beside_the_data(string name, string content)
    {
        _folder.Write(name, content);
        foreach (var file in (string[])["train.jsonl", "validation.csv"])
            _folder.Write(file, file.EndsWith('v') ? "text,label\na,1\nb,0\n" : "{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\", \"label\": 0}\n");
        _folder.Write("dev-unused/readme.txt", "text");
        _folder.Write("test.jsonl", "{\"text\": \"a\", \"label\": \"pos\"}\n");

        Assert.Equal(["pos", "it's: neg"], _context.Data.LoadDataset(_folder.Path).GetColumn<string>("label"));
        Assert.Equal(["pos", "it's: neg"], _context.Data.LoadDataset(_folder.Path, "validation").GetColumn<string>("label"));
        // Names that are there already stay.
        Assert.Equal(["pos"], _context.Data.LoadDataset(_folder.Path, "test").GetColumn<string>("label"));
        _folder.Write("train.jsonl", "{\"text\": \"a\", \"label\": 2}\n");
        Fails("the class 2", "classes 0 to 1", () => _context.Data.LoadDataset(_folder.Path));
    }

    [Fact]
    public void What_is_broken_is_refused_by_file_and_line()
    {
        var whole = File.ReadAllBytes(_folder.WriteParquet("a.parquet", Texts, [0, 1, 0, 1]));
        foreach (var length in (int[])[0, 3, 4, 11, whole.Length / 2, whole.Length - 1])
        {
            File.WriteAllBytes(_folder.File("half.parquet"), whole[..length]);
            Fails("half.parquet", "Parquet", () => _context.Data.LoadDataset(_folder.File("half.parquet")));
        }
        Fails("broken.jsonl, line 2", "not valid JSON", () => Load("broken.jsonl", "{\"a\": 1}\n{\"a\": \n{\"a\": 2}\n"));
        Fails("cut.jsonl, line 2", "not valid JSON", () => Load("cut.jsonl", "{\"a\": 1}\n{\"a\": \"tex"));
        Fails("list.jsonl, line 1", "an object", () => Load("list.jsonl", "1\n2\n"));
        Fails("bytes.csv", "UTF-8", () =>
        {
            File.WriteAllBytes(_folder.File("bytes.csv"), [.. "text\n"u8, 0xE9, 0x0A]);
            return _context.Data.LoadDataset(_folder.File("bytes.csv"));
        });
        Fails("a.csv, line 3", "3 fields", () => Load("a.csv", "text,label\na,b\nc,d,e\n"));
        Fails("a.doc", "no kind of file", () => Load("a.doc", "text"));
        Fails("empty.jsonl", "no rows", () => Load("empty.jsonl", ""));
        Assert.Throws<FileNotFoundException>(() => _context.Data.LoadDataset(_folder.File("nowhere.csv")));

        IDataView Load(string name, string content) => _context.Data.LoadDataset(_folder.Write(name, content));
    }

    /// <summary>Whatever byte is changed: the rows, or an error that names the file.</summary>
    [Fact]
    public void A_changed_byte_of_a_Parquet_file_ends_no_program()
    {
        var whole = File.ReadAllBytes(_folder.WriteParquet("a.parquet", Texts, [0, 1, 0, 1], ["a", "b"]));
        var random = new Random(1);
        for (var i = 0; i < 300; i++)
        {
            var bytes = (byte[])whole.Clone();
            bytes[random.Next(bytes.Length)] ^= (byte)random.Next(1, 256);
            File.WriteAllBytes(_folder.File("b.parquet"), bytes);
            try
            {
                _context.Data.LoadDataset(_folder.File("b.parquet"));
            }
            catch (InvalidDataException e)
            {
                Assert.True(e.Message.Contains("b.parquet", StringComparison.Ordinal), e.Message);
            }
        }
    }

    [Fact]
    public void What_cannot_be_told_apart_is_refused()
    {
        Fails("no data", ".parquet", () => _context.Data.LoadDataset(_folder.Path));
        _folder.Write("data-00000-of-00001.arrow", "ARROW1");
        Fails("Arrow", "to_parquet", () => _context.Data.LoadDataset(_folder.Path));
        _folder.Write("train.csv", "text\na\n");
        Assert.Equal(["a"], _context.Data.LoadDataset(_folder.Path).GetColumn<string>("text"));
        _folder.Write("train-small.csv", "text\na\n");
        Fails("more than once", "'train-small.csv'", () => _context.Data.LoadDataset(_folder.Path));
        File.Delete(_folder.File("train-small.csv"));
        _folder.Write("train.jsonl", "{\"text\": \"b\"}");
        Fails("more than once", "'train.jsonl'", () => _context.Data.LoadDataset(_folder.Path));
        _folder.Write("other/x-1.csv", "text,label\na,b\n");
        _folder.Write("other/x-2.csv", "text,label\nc,d\n");
        Assert.Equal(["a", "c"], _context.Data.LoadDataset(_folder.File("other")).GetColumn<string>("text"));
        _folder.Write("other/x-2.csv", "text,kind\nc,d\n");
        Fails("'kind'", "'label'", () => _context.Data.LoadDataset(_folder.File("other")));
    }

    [Theory]
    [InlineData("banking77/train.csv", "category", 10_003, 77)]
    [InlineData("sms-spam/train.tsv", null, 4_459, 2)]
    [InlineData("corefx-issues/train.tsv", null, 1_200, 22)]
    [Trait("Category", "Material")]
    public void Real_sets_have_their_published_numbers(string name, string? label, int rows, int labels)
    {
        var view = _context.Data.LoadDataset(Material.Require($"text/{name}"));
        Assert.Equal(rows, view.GetRowCount());
        var column = view.Schema.First(column => label is null ? view.GetColumn<string>(column.Name).Distinct().Count() == labels : column.Name == label);
        Assert.Equal(labels, view.GetColumn<string>(column.Name).Distinct().Count());
    }

    [Fact]
    public void A_cursor_gives_what_is_asked_for_and_again()
    {
        var view = _context.Data.LoadDataset(_folder.Write("a.csv", "text,label\na,b\nc,d\n"));
        using (var cursor = view.GetRowCursor([view.Schema["text"]]))
        {
            Assert.Throws<InvalidOperationException>(() => cursor.GetGetter<float>(view.Schema["text"]));
            Assert.False(cursor.IsColumnActive(view.Schema["label"]));
            Assert.True(cursor.MoveNext() && cursor.MoveNext());
            Assert.False(cursor.MoveNext());
            Assert.False(cursor.MoveNext());
        }
        Assert.Equal(view.GetColumn<string>("text"), _context.Data.ShuffleRows(view, seed: 1).GetColumn<string>("text").Order());
    }

    private static void Fails(string part, string other, Func<object> load)
    {
        var error = Assert.Throws<InvalidDataException>(load);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Contains(other, error.Message, StringComparison.Ordinal);
    }
}
