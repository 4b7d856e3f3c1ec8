using System.CommandLine;
using System.Text.RegularExpressions;
using EverydayWorld;
using Microsoft.ML.Moka.Checkpoints;
using Microsoft.ML.Moka.Pretraining;
using Microsoft.ML.Moka.Tensors.Cpu;
using Microsoft.ML.Moka.Text;

var defaults = new Recipe();
var output = new Option<string>("--output")
{
    Description = "The folder for the backbone.",
    DefaultValueFactory = _ => "src/Microsoft.ML.Moka/Resources/Backbone",
};
var state = new Option<string>("--state")
{
    Description = "The file that keeps an unfinished run; the same command continues from it.",
    DefaultValueFactory = _ => "artifacts/pretraining.safetensors",
};
var seed = new Option<int>("--seed") { Description = "Seeds the initial weights and the text.", DefaultValueFactory = _ => defaults.Seed };
var threads = new Option<int?>("--threads") { Description = "Threads; all cores if left out." };
var reportEvery = new Option<int>("--report") { Description = "Steps between two reports.", DefaultValueFactory = _ => 100 };
var show = new Option<int>("--show") { Description = "Only prints that many passages of every kind of text." };
var command =
    new RootCommand("Pretrains the embedded backbone on text about a closed world of everyday facts.") { output, state, seed, threads, reportEvery, show };
command.SetAction((parsed, cancellation) =>
{
    var recipe = defaults with { Seed = parsed.GetValue(seed) };
    var world = new World();
    if (parsed.GetValue(show) is > 0 and var count)
    {
        foreach (var (kind, passages) in Recipe.Probes(world))
            foreach (var passage in passages.Take(count))
                Console.WriteLine($"{kind}: {passage.Text}");
        return Task.FromResult(0);
    }

    Pretrain(recipe, world, parsed.GetValue(output)!, Path.GetFullPath(parsed.GetValue(state)!), parsed.GetValue(threads), parsed.GetValue(reportEvery),
        cancellation);
    return Task.FromResult(0);
});
return await command.Parse(args).InvokeAsync();

static void Pretrain(Recipe recipe, World world, string output, string state, int? threads, int reportEvery, CancellationToken cancellation)
{
    var files = TokenizerFiles.Make(BytePairTrainer.Train(Recipe.TokenizerTexts(world), recipe.Merges));
    var tokenizer = BackboneTokenizer.Load(new MemoryFiles("the trained tokenizer", files));
    using var backend = new CpuBackend(threads);
    using var pretrainer = new Pretrainer(recipe, world, tokenizer, backend);
    var metadata = new Dictionary<string, string> { ["recipe"] = $"{recipe} {string.Join(", ", recipe.Stages)}" };
    if (File.Exists(state))
        Restore(pretrainer, state, metadata["recipe"]);
    Console.WriteLine($"{pretrainer.Backbone.Config.ParameterCount:N0} parameters, {tokenizer.VocabularySize} tokens, " +
        $"{backend.Description}, step {pretrainer.Step} of {recipe.Steps}");
    Directory.CreateDirectory(Path.GetDirectoryName(state)!);
    pretrainer.Run(Console.WriteLine, kept => SafetensorsWriter.Write(state, kept.State(), metadata), reportEvery, keepEvery: 200, cancellation);
    BackboneFolder.Write(output, pretrainer.Backbone, files);
    Console.WriteLine($"The backbone is in {output}: {Directory.GetFiles(output).Sum(file => new FileInfo(file).Length):N0} bytes.");
}

static void Restore(Pretrainer pretrainer, string state, string recipe)
{
    var file = SafetensorsFile.Read(state, File.ReadAllBytes(state));
    if (!file.Metadata.TryGetValue("recipe", out var kept) || kept != recipe)
        throw new InvalidDataException($"{state} keeps a run of another recipe: delete it, or name another file with --state.");
    pretrainer.Restore(name => file[name].ToFloats());
}
