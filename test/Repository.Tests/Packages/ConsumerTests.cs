using System.IO.Compression;

namespace Microsoft.ML.Moka.Tests.Packages;

/// <summary>What a user does with the packages, in a folder outside the repository.</summary>
[Collection(nameof(PackedPackages))]
public sealed class ConsumerTests(PackedPackages packages)
{
    /// <summary>As they are by default: without reflection over JSON, and without code that is made while they run.</summary>
    [Fact]
    public void A_file_based_app_tunes_saves_loads_and_scores()
    {
        var folder = packages.InFolder("file-based");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "app.cs"), $"""
            #:package Microsoft.ML.Moka@{packages.Version}
            #:property WarningsNotAsErrors=NU1603

            {ScoringProgram}
            """);
        Assert.Contains("answer ", packages.Dotnet(folder, "run", "app.cs"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_trimmed_single_file_tunes_saves_loads_and_predicts()
    {
        var folder = Project("Trimmed", "Microsoft.ML.Moka", $$"""
            {{ScoringProgram}}
            """.Replace("var count", """
            using var engine = mlContext.Model.CreatePredictionEngine<Ticket, Answer>(loaded);
            Console.WriteLine($"engine {engine.Predict(new Ticket { Text = "pot" }).PredictedLabel}");
            var count
            """, StringComparison.Ordinal));
        packages.Dotnet(
            folder, "publish", "-c", "Release", "-o", Path.Combine(folder, "out"), "-p:PublishSingleFile=true", "-p:PublishTrimmed=true", "-p:TrimMode=partial",
            "-p:SelfContained=true", "--use-current-runtime", "-nologo");

        var (exitCode, output) = Repository.Run(folder, Path.Combine(folder, "out", OperatingSystem.IsWindows() ? "Trimmed.exe" : "Trimmed"));

        Assert.True(exitCode == 0, output);
        Assert.Contains("answer ", output, StringComparison.Ordinal);
        Assert.Contains("engine ", output, StringComparison.Ordinal);
    }

    /// <summary>TorchSharp's package brings Moka along, and no native library: that is the user's choice.</summary>
    [Theory]
    [InlineData("Microsoft.ML.Moka")]
    [InlineData("Microsoft.ML.Moka.TorchSharp")]
    [InlineData("Microsoft.ML.Moka.Datasets")]
    [InlineData("Microsoft.ML.Moka.Orleans")]
    [InlineData("Microsoft.ML.Moka.Extensions")]
    [InlineData("Microsoft.ML.Moka.Cli")]
    public void A_package_says_what_it_is(string id)
    {
        using var package = ZipFile.OpenRead(Path.Combine(packages.Feed, $"{id}.{packages.Version}.nupkg"));
        using var reader = new StreamReader(package.GetEntry($"{id}.nuspec")!.Open());
        var description = reader.ReadToEnd();

        string[] parts =
        [
            "<readme>README.md</readme>", "<icon>icon.png</icon>", "<license type=\"expression\">MIT</license>",
            "<tags>", "<description>", "<repository type=\"git\"",
        ];
        foreach (var part in parts)
            Assert.Contains(part, description, StringComparison.Ordinal);
        Assert.NotNull(package.GetEntry("README.md"));
        Assert.NotNull(package.GetEntry("icon.png"));
        Assert.True(File.Exists(Path.Combine(packages.Feed, $"{id}.{packages.Version}.snupkg")));
        Assert.DoesNotContain("id=\"TorchSharp-c", description, StringComparison.Ordinal);
        if (id.EndsWith("TorchSharp", StringComparison.Ordinal))
            Assert.Contains($"<dependency id=\"Microsoft.ML.Moka\" version=\"{packages.Version}\"", description, StringComparison.Ordinal);
    }

    private static string ScoringProgram => $$"""
        using Microsoft.ML;
        using Microsoft.ML.Data;
        using Microsoft.ML.Moka;

        File.WriteAllLines("rows.tsv",
            ["Text\tLabel", .. Enumerable.Range(0, 10).Select(i => i % 2 == 0 ? $"the pot broke {i}\tclay" : $"my coat tore {i}\tcloth")]);
        var mlContext = new MLContext(seed: 1);
        var data = mlContext.Data.LoadFromTextFile<Ticket>("rows.tsv", hasHeader: true);
        var pipeline = mlContext.Transforms.Conversion.MapValueToKey("Label")
            .Append(mlContext.MulticlassClassification.Trainers.Moka(new MokaTrainer.Options { NumberOfSteps = 1, CheckpointFolder = "run" }))
            .Append(mlContext.Transforms.Conversion.MapKeyToValue("PredictedLabel"));
        mlContext.Model.SaveAtomically(pipeline.Fit(data), data.Schema, "model.zip");
        var loaded = mlContext.Model.Load("model.zip", out _);
        var scored = loaded.Transform(data);
        Console.WriteLine($"answer {scored.GetColumn<string>("PredictedLabel").First()}");
        var count = mlContext.MulticlassClassification.Evaluate(scored).ConfusionMatrix.NumberOfClasses;
        Console.WriteLine($"classes {count}");

        {{TicketClass}}
        public class Answer { public string PredictedLabel { get; set; } = ""; }
        """;

    private static string TicketClass => """
        public class Ticket
        {
            [Microsoft.ML.Data.LoadColumn(0)] public string Text { get; set; } = "";
            [Microsoft.ML.Data.LoadColumn(1)] public string Label { get; set; } = "";
        }
        """;

    private string Project(string name, string package, string program)
    {
        var folder = packages.InFolder(name);
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "Program.cs"), program);
        File.WriteAllText(Path.Combine(folder, $"{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
                <WarningsNotAsErrors>NU1603</WarningsNotAsErrors>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="{package}" Version="{packages.Version}" />
              </ItemGroup>
            </Project>
            """);
        return folder;
    }
}
