using Microsoft.ML.Moka.Checkpoints;

namespace Microsoft.ML.Moka.Tests.Checkpoints;

public class CheckpointTests
{
    private const string Index = "model.safetensors.index.json";

    private static readonly float[] Values = [1, 2, 3, 4, 5, 6];

    private static byte[] Shard(params string[] names) =>
        SafetensorsWriter.ToBytes(names.Select(n => SafetensorsTensor.Of(n, Values, 2, 3)));

    private static MemoryFiles Sharded(string index) => new("memory", new Dictionary<string, byte[]>
    {
        [Index] = System.Text.Encoding.UTF8.GetBytes(index),
        ["model-00001-of-00002.safetensors"] = Shard("a", "b"),
        ["model-00002-of-00002.safetensors"] = Shard("c"),
    });

    [Fact]
    public void A_folder_with_one_file_is_read()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("model.safetensors"), Shard("a"));
        var checkpoint = Checkpoint.Open(new FolderFiles(folder.Path));
        Assert.Equal(["a"], checkpoint.Names);
        Assert.Equal(2, checkpoint.ReadMatrix("a", 2, 3).Rows);
        Assert.Equal(Values, checkpoint["a"].ToFloats());
    }

    [Theory]
    [InlineData("pytorch_model.bin", "pickled weights")]
    [InlineData("pytorch_model-00001-of-00002.bin", "pickled weights")]
    [InlineData("consolidated.00.pth", "pickled weights")]
    [InlineData("model-00001-of-00002.safetensors", "the index that tells which tensor lies in which of them is missing")]
    [InlineData("tiny.gguf", "name the file itself")]
    [InlineData("consolidated.safetensors", "call it 'model.safetensors' if it holds all of them")]
    [InlineData("Model.SafeTensors", "There is 'Model.SafeTensors'")]
    [InlineData("adapter_model.safetensors", "other formats have to be converted first")]
    [InlineData("training_args.bin", "other formats have to be converted first")]
    public void Without_safetensors_the_error_says_what_there_is_instead(string name, string said)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File(name), "");
        Assert.Contains(said, Assert.Throws<FileNotFoundException>(() => Checkpoint.Open(new FolderFiles(folder.Path))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("tiny.gguf")]
    public void A_pointer_of_Git_LFS_is_refused_by_name(string name)
    {
        using var folder = new TemporaryFolder();
        var pointer = folder.File(name);
        File.WriteAllText(pointer, $"version https://git-lfs.github.com/spec/v1\noid sha256:{new string('0', 64)}\nsize 269060552\n");
        var files = BackboneFiles.At(name.EndsWith(".gguf", StringComparison.Ordinal) ? pointer : folder.Path);
        Action read = name switch
        {
            "model.safetensors" => () => Checkpoint.Open(files),
            "tiny.gguf" => () => files.Contains("config.json"),
            _ => () => files.ReadAll(name),
        };
        var error = Assert.Throws<InvalidDataException>(read).Message;
        Assert.Contains(pointer, error, StringComparison.Ordinal);
        Assert.Contains("git lfs pull", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Shards_are_found_through_the_index()
    {
        var checkpoint = Checkpoint.Open(Sharded(
            """{"metadata":{"total_size":72},"weight_map":{"a":"model-00001-of-00002.safetensors",""" +
            """ "b":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}}"""));
        Assert.Equal(["a", "b", "c"], checkpoint.Names.Order());
        Assert.Contains("00002", checkpoint["c"].Source, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"weight_map":{"c":"model-00001-of-00002.safetensors"}}""", "'c'")]
    [InlineData("""{"weight_map":{"a":"../model.safetensors"}}""", "no name of a file")]
    [InlineData("""{"weight_map":{"a":"/etc/passwd"}}""", "no name of a file")]
    [InlineData("""{"weight_map":{"a":".."}}""", "no name of a file")]
    [InlineData("""{"weight_map":{"a":7}}""", "weight_map")]
    [InlineData("""{"weight_map":{"a":null}}""", "weight_map")]
    [InlineData("""{"weight_map":{"a":"model-00001-of-00002.safetensors","a":"model-00001-of-00002.safetensors"}}""", "weight_map")]
    [InlineData("""{"weight_map":[]}""", "weight_map")]
    [InlineData("""[]""", "weight_map")]
    [InlineData("""{""", "weight_map")]
    public void A_bad_index_is_refused(string index, string named)
    {
        var error = Assert.Throws<InvalidDataException>(() => Checkpoint.Open(Sharded(index)));
        Assert.Contains(Index, error.Message, StringComparison.Ordinal);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_shards_hold_counts_whether_the_index_names_it_or_not()
    {
        // As in transformers: a head, or a norm, is no less a part of the model.
        var checkpoint = Checkpoint.Open(Sharded(
            """{"weight_map":{"a":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}}"""));
        Assert.Equal(["a", "b", "c"], checkpoint.Names.Order());

        var files = new Dictionary<string, byte[]>
        {
            ["1.safetensors"] = Shard("a", "b"),
            ["2.safetensors"] = Shard("b", "c"),
            [Index] = """{"weight_map":{"a":"1.safetensors","b":"1.safetensors","c":"2.safetensors"}}"""u8.ToArray(),
        };
        Assert.Contains("'b' is in", Assert.Throws<InvalidDataException>(() => Checkpoint.Open(new MemoryFiles("m", files))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Beside_an_index_the_single_file_counts_as_in_transformers()
    {
        // An index may be left of a model that was saved there before.
        var files = new Dictionary<string, byte[]>
        {
            ["model.safetensors"] = Shard("new"),
            [Index] = """{"weight_map":{"old":"model-00001-of-00002.safetensors"}}"""u8.ToArray(),
        };
        Assert.Equal(["new"], Checkpoint.Open(new MemoryFiles("m", files)).Names);
    }

    [Fact]
    public void An_index_may_begin_with_a_byte_order_mark()
    {
        var files = new Dictionary<string, byte[]>
        {
            ["1.safetensors"] = Shard("a"),
            [Index] = [0xEF, 0xBB, 0xBF, .. """{"weight_map":{"a":"1.safetensors"}}"""u8],
        };
        Assert.Equal(["a"], Checkpoint.Open(new MemoryFiles("m", files)).Names);
    }

    [Fact]
    public void Missing_files_and_tensors_are_named()
    {
        using var folder = new TemporaryFolder();
        var error = Assert.Throws<FileNotFoundException>(() => Checkpoint.Open(new FolderFiles(folder.Path)));
        Assert.Contains("model.safetensors", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<FileNotFoundException>(() => Checkpoint.Open(Sharded("""{"weight_map":{"a":"model-00003.safetensors"}}""")));
        Assert.Contains("model-00003", error.Message, StringComparison.Ordinal);
        var checkpoint = Checkpoint.Open(new MemoryFiles("m", new Dictionary<string, byte[]> { ["model.safetensors"] = Shard("a") }));
        var missing = Assert.Throws<InvalidDataException>(() => checkpoint.ReadMatrix("lm_head.weight", 2, 3));
        Assert.Contains("lm_head.weight", missing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_shape_is_named()
    {
        var checkpoint = Checkpoint.Open(new MemoryFiles("m", new Dictionary<string, byte[]>
        {
            ["model.safetensors"] = SafetensorsWriter.ToBytes([SafetensorsTensor.Of("a", Values, 2, 3), SafetensorsTensor.Of("v", [1, float.NaN], 2)]),
        }));
        foreach (var action in new Action[]
        {
            () => checkpoint.ReadMatrix("a", 3, 2), () =>
                checkpoint.ReadVector("a", 6), () => checkpoint.ReadMatrix("v", 2, 1), () => checkpoint.ReadVector("v", 3),
            () => checkpoint.ReadVector("v", 2),
        })
        {
            var error = Assert.Throws<InvalidDataException>(action);
            Assert.Contains("model.safetensors: tensor '", error.Message, StringComparison.Ordinal);
        }
    }
}
