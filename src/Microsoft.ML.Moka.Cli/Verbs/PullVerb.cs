using System.CommandLine;
using System.Diagnostics;
using Microsoft.ML.Moka.Cli.Options;

namespace Microsoft.ML.Moka.Cli.Verbs;

/// <summary>moka pull: a backbone from Hugging Face's hub.</summary>
internal static class PullVerb
{
    public static CliCommand Create(Terminal terminal)
    {
        var name = new Argument<string>("name")
        {
            Description = "The model: OWNER/NAME, or OWNER/NAME@REVISION.",
        };
        var revision = new Option<string?>("--revision") { Description = "A branch, a tag or a commit. [default: main]", HelpName = "name" };
        var file = new Option<string?>("--file")
        {
            Description = "One GGUF of the repository instead of the model in safetensors; all its shards come.",
            HelpName = "file.gguf",
        };
        var cache = new Option<DirectoryInfo?>("--cache")
        {
            Description = "The cache folder. Where it is another than --backbone looks in, give --backbone the path that is written. [default: Hugging " +
                "Face's, by HF_HOME]",
            HelpName = "folder",
        };
        var json = CommonOptions.Json();
        var command = new CliCommand("pull",
            """
            Fetches a backbone from Hugging Face's hub into its cache folder, where --backbone OWNER/NAME finds it, and Python too.

              moka pull HuggingFaceTB/SmolLM2-135M-Instruct
              moka pull bartowski/SmolLM2-135M-Instruct-GGUF --file SmolLM2-135M-Instruct-Q4_K_M.gguf

            Only the files that are needed come: configuration, tokenizer, chat template, and safetensors or one GGUF. Hashes are checked; the same command goes on after a break.
            HF_TOKEN has the token for gated models, HF_ENDPOINT another address, HF_HOME or HF_HUB_CACHE the cache.
            """)
        {
            name, revision, file, cache, json,
        };
        command.SetAction((parsed, cancellation) => Task.Run(
            () =>
            {
                var model = parsed.GetValue(name)!;
                var (bytes, clock) = (0L, Stopwatch.StartNew());
                var path = ProgressDisplay.Run(terminal, "Fetching", hasLines: false, display => MokaBackbone.DownloadAsync(model, new BackboneDownloadOptions
                {
                    Revision = parsed.GetValue(revision),
                    File = parsed.GetValue(file),
                    CacheFolder = parsed.GetValue(cache)?.ToString(),
                    Progress = progress =>
                    {
                        bytes = progress.BytesDone;
                        display.Show(progress.BytesTotal == 0 ? 1 : (double)progress.BytesDone / progress.BytesTotal,
                            $"{Sizes.Of(progress.BytesDone)} of {Sizes.Of(progress.BytesTotal)}, {progress.File}");
                    },
                }, cancellation).GetAwaiter().GetResult());
                if (parsed.GetValue(json))
                    Json.Write(terminal.Out, new FetchedModel(model, path, bytes, clock.Elapsed.TotalSeconds));
                else
                    terminal.Out.WriteLine($"{model} is in {path}{(bytes > 0 ? $" ({Sizes.Of(bytes)})" : "")}.");
                return ExitCode.Success;
            }, CancellationToken.None));
        return command;
    }
}

/// <summary>A fetched model for scripts.</summary>
internal sealed record FetchedModel(string Name, string Path, long Bytes, double Seconds);
